using Holdfast.Format.Trees;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Client.Restoring;

/// <summary>Makes entries below an open directory, one name at a time, never through a symbolic link: nothing outside the target can be reached.</summary>
internal static class RestoreTarget
{
    private const uint FileTypeFifo = 0x1000;
    private const uint FileTypeCharacter = 0x2000;
    private const uint FileTypeBlock = 0x6000;
    private const uint FileTypeSocket = 0xC000;

    /// <summary>Opens or makes a directory; something else in its place is an error.</summary>
    public static DirectoryHandle OpenDirectory(DirectoryHandle parent, byte[] name)
    {
        try
        {
            parent.MakeDirectory(name, 0x1C0);
        }
        catch (PosixException exception) when (exception.Error == Errno.Exists)
        {
            // There already: opened below, unless it is no directory.
        }

        return parent.OpenDirectory(name);
    }

    /// <summary>A new file, replacing what had its name unless that is a directory.</summary>
    public static SafeFileHandle CreateFile(DirectoryHandle parent, byte[] name) =>
        Replacing(parent, name, () => parent.OpenFile(name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x180));

    /// <summary>A symbolic link, fifo, socket or device with its metadata.</summary>
    public static void CreateSpecial(DirectoryHandle parent, TreeEntry entry, IReadOnlyList<ExtendedAttribute> attributes, Action<string> trouble)
    {
        Replacing(parent, entry.Name, () =>
        {
            if (entry.Type == EntryType.SymbolicLink)
            {
                parent.MakeSymbolicLink(entry.Name, entry.LinkTarget);
            }
            else
            {
                var (major, minor) = entry.Device ?? (0, 0);
                parent.MakeNode(entry.Name, TypeBits(entry.Type) | 0x180, major, minor);
            }

            return 0;
        });
        if (PosixFile.IsRoot)
        {
            Try(trouble, () => parent.ChangeOwner(entry.Name, entry.Owner, entry.Group));
        }

        foreach (var attribute in attributes)
        {
            Try(trouble, () => PosixAttributes.Set(parent.ProcPath(entry.Name), attribute.Name, attribute.Value));
        }

        if (entry.Type != EntryType.SymbolicLink)
        {
            Try(trouble, () => parent.ChangeMode(entry.Name, ModeOf(entry)));
        }

        Try(trouble, () => parent.SetModified(entry.Name, entry.ModifiedSeconds, entry.ModifiedNanoseconds));
    }

    /// <summary>Metadata of an open file or directory, in the order in which none undoes another: owner, attributes, mode, time.</summary>
    public static void Complete(SafeFileHandle file, TreeEntry entry, IReadOnlyList<ExtendedAttribute> attributes, string path, Action<string> trouble)
    {
        // Only root may give files away; what others restore is their own.
        if (PosixFile.IsRoot)
        {
            Try(trouble, () => PosixFile.ChangeOwner(file, entry.Owner, entry.Group, path));
        }

        foreach (var attribute in attributes)
        {
            Try(trouble, () => PosixAttributes.Set(file, attribute.Name, attribute.Value, path));
        }

        Try(trouble, () => PosixFile.ChangeMode(file, ModeOf(entry), path));
        Try(trouble, () => PosixFile.SetModified(file, entry.ModifiedSeconds, entry.ModifiedNanoseconds, path));
    }

    public static void CreateHardLink(DirectoryHandle parent, byte[] name, DirectoryHandle other, byte[] otherName) =>
        Replacing(parent, name, () =>
        {
            parent.MakeHardLink(name, other, otherName);
            return 0;
        });

    /// <summary>A set-id bit is worth something only with the owner it was made for, whom only root can restore.</summary>
    private static uint ModeOf(TreeEntry entry) => PosixFile.IsRoot || entry.Type == EntryType.Directory ? entry.Mode : entry.Mode & 0x3FFU;

    /// <summary>What cannot be set is told; the rest is set all the same.</summary>
    private static void Try(Action<string> trouble, Action step)
    {
        try
        {
            step();
        }
        catch (PosixException exception)
        {
            trouble(exception.Message);
        }
    }

    private static T Replacing<T>(DirectoryHandle parent, byte[] name, Func<T> create)
    {
        try
        {
            return create();
        }
        catch (PosixException exception) when (exception.Error == Errno.Exists)
        {
            parent.Unlink(name);
            return create();
        }
    }

    private static uint TypeBits(EntryType type) => type switch
    {
        EntryType.Fifo => FileTypeFifo,
        EntryType.CharacterDevice => FileTypeCharacter,
        EntryType.BlockDevice => FileTypeBlock,
        _ => FileTypeSocket,
    };
}
