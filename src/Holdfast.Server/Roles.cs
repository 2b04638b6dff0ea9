using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>What one process is: the authority, a pod, or both.</summary>
internal sealed record Roles(bool Authority, bool Pod)
{
    public static Roles Both { get; } = new(true, true);

    public static Roles PodAlone { get; } = new(false, true);

    public static Roles AuthorityAlone { get; } = new(true, false);

    /// <summary>Reads "authority,pod".</summary>
    public static Roles Parse(string text)
    {
        var names = text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        return names.Length > 0 && names.All(name => name is "authority" or "pod")
            ? new Roles(names.Contains("authority"), names.Contains("pod"))
            : throw new HoldfastException(FailureTable.InvalidRequest, $"'{text}' are no roles: authority, pod, or authority,pod.");
    }
}
