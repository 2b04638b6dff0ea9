using System.Text;
using System.Threading.Channels;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Restoring;

/// <summary>Walks a snapshot's tree: makes directories, links and special files itself, hands files to the writers.</summary>
internal sealed class RestoreWalker(TreeReader tree, PathSelection selection, RestoreProgress progress, ChannelWriter<FileToWrite> files)
{
    private const int LevelsPerStack = 64;

    private readonly Dictionary<HardLink, (IReadOnlyList<byte[]> Directory, byte[] Name, Task<bool> Done)> _links = [];
    private byte[] _target = [];

    public async Task WalkAsync(BlobId rootNode, RestoringDirectory root, byte[] target, CancellationToken cancellation)
    {
        _target = target;
        try
        {
            await VisitAsync(rootNode, root, cancellation);
        }
        finally
        {
            root.Dispose();
            files.TryComplete();
        }
    }

    private async Task VisitAsync(BlobId node, RestoringDirectory directory, CancellationToken cancellation)
    {
        if (directory.Names.Count > Limits.DepthMax)
        {
            progress.Trouble(directory.Path, $"it is more than {Limits.DepthMax} directories deep");
            return;
        }

        if (directory.Names.Count % LevelsPerStack == LevelsPerStack - 1)
        {
            // Goes on with an empty stack, however deep a hostile tree is.
            await Task.Yield();
        }

        await foreach (var entry in tree.EntriesAsync(node, selection.OnlyName(directory.Names), cancellation))
        {
            if (!selection.Includes(directory.Names, entry.Name))
            {
                continue;
            }

            try
            {
                await VisitEntryAsync(directory, entry, cancellation);
            }
            catch (PosixException exception) when (exception.IsFull)
            {
                throw new HoldfastException(FailureTable.LocalDiskFull, exception.Message, exception);
            }
            catch (PosixException exception)
            {
                progress.Trouble(Describe(directory, entry), exception.Message);
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
            {
                progress.Trouble(Describe(directory, entry), exception.Message);
            }
        }
    }

    private async Task VisitEntryAsync(RestoringDirectory directory, TreeEntry entry, CancellationToken cancellation)
    {
        if (entry.Type == EntryType.Directory)
        {
            var attributes = await AttributesAsync(directory, entry, cancellation);
            using var child = new RestoringDirectory(directory.Hold(), RestoreTarget.OpenDirectory(directory.Handle, entry.Name),
                Describe(directory, entry), [.. directory.Names, entry.Name], entry, attributes, progress);
            progress.Directory();
            await VisitAsync(entry.Node!.Value, child, cancellation);
            return;
        }

        if (entry.HardLink is { } link && _links.TryGetValue(link, out var first) && await first.Done.WaitAsync(cancellation))
        {
            using var other = OpenPath(first.Directory);
            RestoreTarget.CreateHardLink(directory.Handle, entry.Name, other, first.Name);
            Count(entry);
            return;
        }

        if (entry.Type == EntryType.File)
        {
            var file = new FileToWrite(directory.Hold(), entry);
            Remember(entry, directory, file.Done.Task);
            await files.WriteAsync(file, cancellation);
            return;
        }

        RestoreTarget.CreateSpecial(directory.Handle, entry, await tree.AttributesAsync(entry, cancellation), why => progress.Trouble(Describe(directory, entry), why));
        Remember(entry, directory, Task.FromResult(true));
        progress.Other();
    }

    /// <summary>A directory whose attributes are damaged is restored without them, and said so.</summary>
    private async ValueTask<IReadOnlyList<ExtendedAttribute>> AttributesAsync(RestoringDirectory directory, TreeEntry entry, CancellationToken cancellation)
    {
        try
        {
            return await tree.AttributesAsync(entry, cancellation);
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            progress.Trouble(Describe(directory, entry), exception.Message);
            return [];
        }
    }

    private void Count(TreeEntry entry)
    {
        if (entry.Type == EntryType.File)
        {
            progress.File();
        }
        else
        {
            progress.Other();
        }
    }

    private void Remember(TreeEntry entry, RestoringDirectory directory, Task<bool> done)
    {
        if (entry.HardLink is { } link)
        {
            _links[link] = (directory.Names, entry.Name, done);
        }
    }

    /// <summary>Opens a directory of the target again, name by name.</summary>
    private DirectoryHandle OpenPath(IReadOnlyList<byte[]> names)
    {
        var handle = DirectoryHandle.Open(_target);
        foreach (var name in names)
        {
            using var parent = handle;
            handle = parent.OpenDirectory(name);
        }

        return handle;
    }

    private static string Describe(RestoringDirectory directory, TreeEntry entry) => directory.Path + "/" + Encoding.UTF8.GetString(entry.Name);
}
