namespace Holdfast.Permissions.Walking;

/// <summary>Where a walk stands: enough to go on from there in another process. Directories are gone through in the order of their names' bytes, each before what is below it.</summary>
/// <param name="Path">A directory, from the root.</param>
/// <param name="IsListing">Its names are being read: none of them counts as gone over. Otherwise all that are no directories do, and of the directories in it those up to <paramref name="Child"/>.</param>
/// <param name="Child">The last directory in it that was left; null if none was.</param>
/// <param name="Listed">How many names of a directory that is being read were gone over all the same: who goes on from here comes by them again.</param>
/// <param name="IsEnd">The walk is over.</param>
internal sealed record WalkPosition(byte[] Path, bool IsListing, byte[]? Child, long Listed = 0, bool IsEnd = false)
{
    /// <summary>True if nothing was gone over.</summary>
    public bool IsBegin => IsListing && Path.Length == 0 && Listed == 0;

    public static WalkPosition Begin { get; } = new([], IsListing: true, null);

    public static WalkPosition End { get; } = new([], IsListing: false, null, IsEnd: true);
}
