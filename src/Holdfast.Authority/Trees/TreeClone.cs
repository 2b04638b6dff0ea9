using System.Globalization;
using System.Text;
using Holdfast.Admission;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Trees;

/// <summary>
/// A clone of a part of a tree, in it, and so on its disk: the same folders and files, owners, modes and access lists, and nothing in the files. It lies in a folder that only this process's user may enter, and is reached by that
/// folder's descriptor alone: whoever may write in the tree can put nothing in its way. It goes with what holds it; one that a kill left goes before the next.
/// </summary>
internal sealed class TreeClone : IDisposable
{
    private const string FolderName = ".holdfast-rehearsal";
    private const uint OnlyOwner = 0x1C0;
    private const uint OnlyOwnersFile = 0x180;
    private const int EntriesMost = 20_000;

    /// <summary>Deeper folders are made, and not gone into.</summary>
    private const int DepthMost = 64;

    /// <summary>Entries that are made in a second, so that whoever works in the tree does not notice.</summary>
    private const int MadePerSecond = 4000;
    private const int Step = 200;

    private static readonly byte[] _folder = Encoding.UTF8.GetBytes(FolderName);
    private static readonly byte[] _tree = "tree"u8.ToArray();
    private static readonly byte[] _lists = "system.posix_acl_"u8.ToArray();

    private readonly DirectoryHandle _root;
    private readonly DirectoryHandle _holder;
    private readonly string _note;

    private TreeClone(DirectoryHandle root, DirectoryHandle holder, string note) => (_root, _holder, _note) = (root, holder, note);

    /// <summary>Where it is, for as long as this is there.</summary>
    public string Path => $"/proc/self/fd/{_holder.Handle.DangerousGetHandle()}/tree";

    /// <summary>How many entries it has.</summary>
    public int Entries { get; private set; }

    /// <summary>How long it took to look at them in the tree.</summary>
    public TimeSpan Looked { get; private set; }

    /// <summary>Makes one, broad before deep.</summary>
    /// <param name="tree">The tree.</param>
    /// <param name="note">A file that says which folder in the tree is a clone's, for who comes after a kill.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends it; nothing is left then.</param>
    public static async Task<TreeClone> MakeAsync(string tree, string note, TimeProvider time, CancellationToken cancellation)
    {
        var root = DirectoryHandle.Open(tree);
        try
        {
            RemoveLeft(root, tree, note);
            root.MakeDirectory(_folder, OnlyOwner);
            var clone = new TreeClone(root, root.OpenDirectory(_folder), note);
            try
            {
                await clone.FillAsync(time, cancellation);
                return clone;
            }
            catch
            {
                clone.Remove();
                clone._holder.Dispose();
                throw;
            }
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        try
        {
            Remove();
        }
        finally
        {
            _holder.Dispose();
            _root.Dispose();
        }
    }

    private async Task FillAsync(TimeProvider time, CancellationToken cancellation)
    {
        var status = DirectoryHandle.StatusOf(_holder.Handle);
        if (status.Owner != PosixFile.EffectiveUser || status.Permissions != OnlyOwner)
        {
            throw new HoldfastException(FailureTable.Conflict, $"Somebody put another {FolderName} into the tree just now.");
        }

        await File.WriteAllTextAsync(_note, NoteOf(status), cancellation);
        _holder.MakeDirectory(_tree, OnlyOwner);
        using var clone = _holder.OpenDirectory(_tree);
        var (pace, folders, modes) = (new TokenBucket(MadePerSecond, Step, time), new Queue<byte[][]>([[]]), new List<(byte[][] Path, ushort Mode)>());
        while (folders.TryDequeue(out var path) && Entries < EntriesMost)
        {
            using var from = TryOpen(_root, path);
            using var to = TryOpen(clone, path);
            if (from is null || to is null)
            {
                continue;
            }

            var names = new List<byte[]>();
            from.List((name, _) =>
            {
                if (names.Count < EntriesMost - Entries && (path.Length > 0 || !name.SequenceEqual(_folder)))
                {
                    names.Add(name.ToArray());
                }
            });
            foreach (var name in names)
            {
                if (TryMake(from, to, name, time) is not { } made)
                {
                    continue;
                }

                if (made.Kind == FileKind.Directory)
                {
                    byte[][] below = [.. path, name];
                    modes.Add((below, made.Permissions));
                    if (below.Length < DepthMost)
                    {
                        folders.Enqueue(below);
                    }
                }

                if (++Entries % Step == 0 && pace.Take(Step) is var wait && wait > TimeSpan.Zero)
                {
                    await Task.Delay(wait, time, cancellation);
                }
            }
        }

        // The deepest first: a folder that nobody may write into takes no more.
        foreach (var (path, mode) in Enumerable.Reverse(modes))
        {
            using var folder = TryOpen(clone, path);
            if (folder is not null)
            {
                PosixFile.ChangeMode(folder.Handle, mode, "a clone's folder");
            }
        }
    }

    /// <summary>An entry like another; null if that has gone, or is something else.</summary>
    private FileStatus? TryMake(DirectoryHandle from, DirectoryHandle to, byte[] name, TimeProvider time)
    {
        try
        {
            var began = time.GetTimestamp();
            var found = from.TryStatus(name);
            Looked += time.GetElapsedTime(began);
            if (found is not { Kind: FileKind.Directory or FileKind.File } real)
            {
                return null;
            }

            using var source = from.OpenFile(name, OpenFlags.ReadOnly | OpenFlags.NonBlocking);
            var lists = PosixAttributes.List(source, "an entry").Where(attribute => attribute.Name.AsSpan().StartsWith(_lists)).ToList();
            if (real.Kind == FileKind.Directory)
            {
                to.MakeDirectory(name, OnlyOwner);
            }

            using var entry = to.OpenFile(name, real.Kind == FileKind.Directory ? OpenFlags.ReadOnly : OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, OnlyOwnersFile);
            if (PosixFile.IsRoot)
            {
                PosixFile.ChangeOwner(entry, real.Owner, real.Group, "a clone's entry");
            }

            foreach (var (key, value) in lists)
            {
                PosixAttributes.Set(entry, key, value, "a clone's entry");
            }

            PosixFile.ChangeMode(entry, real.Kind == FileKind.Directory ? OnlyOwner : real.Permissions, "a clone's entry");
            return real;
        }
        catch (PosixException)
        {
            // Gone since, or not to be read.
            return null;
        }
    }

    /// <summary>Takes away what a kill left: only what the note names, or an empty folder of this process's user.</summary>
    private static void RemoveLeft(DirectoryHandle root, string tree, string note)
    {
        if (root.TryStatus(_folder) is not { } found)
        {
            return;
        }

        if (found.Kind != FileKind.Directory || found.Owner != PosixFile.EffectiveUser || found.Permissions != OnlyOwner)
        {
            throw NotOurs(tree);
        }

        using var holder = root.OpenDirectory(_folder);
        var isEmpty = true;

        // By a handle of its own: one that was listed to its end shows nothing more.
        using (var look = holder.OpenDirectory("."u8.ToArray()))
        {
            look.List((_, _) => isEmpty = false);
        }

        var isNoted = File.Exists(note) && File.ReadAllText(note) == NoteOf(DirectoryHandle.StatusOf(holder.Handle));
        if (!isNoted && !isEmpty)
        {
            throw NotOurs(tree);
        }

        new TreeClone(root, holder, note).Remove();
    }

    private void Remove()
    {
        Empty(_holder);
        if (_root.TryStatus(_folder) is { } found && NoteOf(found) == NoteOf(DirectoryHandle.StatusOf(_holder.Handle)))
        {
            _root.RemoveDirectory(_folder);
        }

        File.Delete(_note);
    }

    private static void Empty(DirectoryHandle directory)
    {
        var names = new List<byte[]>();
        directory.List((name, _) => names.Add(name.ToArray()));
        foreach (var name in names)
        {
            if (directory.TryStatus(name) is { Kind: FileKind.Directory })
            {
                directory.ChangeMode(name, OnlyOwner);
                using (var below = directory.OpenDirectory(name))
                {
                    Empty(below);
                }

                directory.RemoveDirectory(name);
            }
            else
            {
                directory.Unlink(name);
            }
        }
    }

    /// <summary>A folder below another, step by step and never through a symbolic link; null if it is not there any more.</summary>
    private static DirectoryHandle? TryOpen(DirectoryHandle root, byte[][] path)
    {
        var handle = (DirectoryHandle?)null;
        try
        {
            foreach (var name in path.Length == 0 ? ["."u8.ToArray()] : path)
            {
                var next = (handle ?? root).OpenDirectory(name);
                handle?.Dispose();
                handle = next;
            }

            return handle;
        }
        catch (PosixException)
        {
            // Gone since, or nobody's business.
            handle?.Dispose();
            return null;
        }
    }

    private static string NoteOf(FileStatus status) => string.Create(CultureInfo.InvariantCulture, $"{status.Device}:{status.Inode}");

    private static HoldfastException NotOurs(string tree) => new(FailureTable.Conflict, $"{System.IO.Path.Combine(tree, FolderName)} is there, and is no rehearsal's: move it away.");
}
