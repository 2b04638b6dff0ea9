namespace Holdfast.Posix;

/// <summary>What this process may have.</summary>
public static class ProcessLimits
{
    private const int OpenFilesResource = 7;

    /// <summary>How many descriptors may be open at the same time.</summary>
    public static unsafe long OpenFiles()
    {
        var limits = stackalloc ulong[2];
        return NativeMethods.getrlimit(OpenFilesResource, limits) == 0 ? (long)Math.Min(limits[0], int.MaxValue) : 1024;
    }
}
