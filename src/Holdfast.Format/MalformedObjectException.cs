namespace Holdfast.Format;

/// <summary>Bytes that break a rule of the format: damaged, truncated, forged, or of a version this program does not know.</summary>
public sealed class MalformedObjectException : Exception
{
    /// <summary>Says what was read (<paramref name="what"/>, such as "frame table") and which rule it breaks.</summary>
    public MalformedObjectException(string what, string why, Exception? inner = null)
        : base($"{what}: {why}", inner)
    {
        What = what;
    }

    /// <summary>What was being read.</summary>
    public string What { get; }

    /// <summary>True if the bytes are of a newer version or suite: the cure is a newer program, not a repair.</summary>
    public bool IsNewer { get; init; }
}
