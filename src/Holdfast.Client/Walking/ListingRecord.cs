using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>One remembered entry: depth below the root (from 0), name, the status it was read under; for all but directories the encoded entry and the frames of its content.</summary>
internal sealed record ListingRecord(int Depth, byte[] Name, FileKind Kind, ulong Inode, long Size, Timestamp Modified, Timestamp Changed, byte[] Encoded, uint[] Frames)
{
    /// <summary>True if the file system shows the very file that was read then. Any change of content or metadata changes ctime.</summary>
    public bool IsUnchanged(in FileStatus status) =>
        Kind == status.Kind && Inode != 0 && Inode == status.Inode && Size == status.Size
        && Modified == new Timestamp(status.ModifiedSeconds, status.ModifiedNanoseconds)
        && Changed == new Timestamp(status.ChangedSeconds, status.ChangedNanoseconds);
}

/// <summary>Seconds and nanoseconds since 1970.</summary>
internal readonly record struct Timestamp(long Seconds, uint Nanoseconds);
