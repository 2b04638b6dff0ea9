using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Callers;

/// <summary>Names that people give to things.</summary>
internal static class Names
{
    private const int LengthMax = 255;

    /// <summary>The name; the failure invalid_request if it is none.</summary>
    public static string Checked(string name) => name.Length is > 0 and <= LengthMax && !name.Any(char.IsControl)
        ? name : throw new HoldfastException(FailureTable.InvalidRequest, $"A name has 1 to {LengthMax} characters and no control characters.");
}
