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
    public static void CreateSpecial(DirectoryHandle parent, TreeEntry entry, IReadOnlyList<ExtendedAttribute> attributes)
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
            parent.ChangeOwner(entry.Name, entry.Owner, entry.Group);
        }

        foreach (var attribute in attributes)
        {
            PosixAttributes.Set(parent.ProcPath(entry.Name), attribute.Name, attribute.Value);
        }

        if (entry.Type != EntryType.SymbolicLink)
        {
            parent.ChangeMode(entry.Name, entry.Mode);
        }

        parent.SetModified(entry.Name, entry.ModifiedSeconds, entry.ModifiedNanoseconds);
    }

    /// <summary>Metadata of an open file or directory, in the order in which none undoes another: owner, attributes, mode, time.</summary>
    public static void Complete(SafeFileHandle file, TreeEntry entry, IReadOnlyList<ExtendedAttribute> attributes, string path)
    {
        // Only root may give files away; what others restore is their own.
        if (PosixFile.IsRoot)
        {
            PosixFile.ChangeOwner(file, entry.Owner, entry.Group, path);
        }

        foreach (var attribute in attributes)
        {
            PosixAttributes.Set(file, attribute.Name, attribute.Value, path);
        }

        PosixFile.ChangeMode(file, entry.Mode, path);
        PosixFile.SetModified(file, entry.ModifiedSeconds, entry.ModifiedNanoseconds, path);
    }

    public static void CreateHardLink(DirectoryHandle parent, byte[] name, DirectoryHandle other, byte[] otherName) =>
        Replacing(parent, name, () =>
        {
            parent.MakeHardLink(name, other, otherName);
            return 0;
        });

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
