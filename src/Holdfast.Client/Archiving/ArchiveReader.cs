using System.Buffers;
using System.Text;
using System.Threading.Channels;
using Holdfast.Client.Restoring;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Archiving;

/// <summary>Walks a snapshot's tree in order and has the chunks of its files fetched ahead, as many at once as the channel holds.</summary>
internal sealed class ArchiveReader(TreeReader tree, BlobReader blobs, PathSelection selection, bool hasHardLinks, byte[]? behind, ChannelWriter<ArchiveStep> steps)
{
    private const int FetchesKeptMax = 512;

    private readonly Dictionary<HardLink, (byte[] Path, Task<bool> Done)> _links = [];
    private readonly List<Task> _fetches = [];

    /// <summary>Walks and fetches. Entries up to the path that an earlier run came to are left out, whatever can be read now and could not then.</summary>
    public async Task RunAsync(BlobId root, CancellationToken cancellation)
    {
        await WalkAsync(root, cancellation);

        // Not if it fails: that failure is the one that is told.
        steps.TryComplete();
    }

    /// <summary>Waits until nothing is fetched any more, however that ends: what it reads from may be closed then.</summary>
    public async Task SettleAsync()
    {
        foreach (var fetch in _fetches)
        {
            await fetch.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        }
    }

    private async Task WalkAsync(BlobId root, CancellationToken cancellation)
    {
        var levels = new Stack<Level>([new Level([], [], tree.EntriesAsync(root, selection.OnlyName([]), cancellation).GetAsyncEnumerator(cancellation))]);
        try
        {
            while (levels.TryPeek(out var level))
            {
                if (await NextAsync(level, cancellation) is not { } entry)
                {
                    await levels.Pop().Entries.DisposeAsync();
                    continue;
                }

                if (!selection.Includes(level.Names, entry.Name))
                {
                    continue;
                }

                byte[] path = level.Path.Length == 0 ? entry.Name : [.. level.Path, (byte)'/', .. entry.Name];
                await EmitAsync(path, entry, cancellation);
                if (entry.Type != EntryType.Directory)
                {
                    continue;
                }

                if (levels.Count >= Limits.DepthMax)
                {
                    await steps.WriteAsync(new ArchiveStep.Trouble(Show(path), $"it is more than {Limits.DepthMax} directories deep"), cancellation);
                    continue;
                }

                byte[][] names = [.. level.Names, entry.Name];
                levels.Push(new Level(path, names, tree.EntriesAsync(entry.Node!.Value, selection.OnlyName(names), cancellation).GetAsyncEnumerator(cancellation)));
            }
        }
        finally
        {
            foreach (var level in levels)
            {
                await level.Entries.DisposeAsync();
            }
        }
    }

    /// <summary>The next entry; null at the end of the directory, or where the rest of it is damaged.</summary>
    private async ValueTask<TreeEntry?> NextAsync(Level level, CancellationToken cancellation)
    {
        try
        {
            return await level.Entries.MoveNextAsync() ? level.Entries.Current : null;
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            await steps.WriteAsync(new ArchiveStep.Trouble(Show(level.Path), exception.Message), cancellation);
            return null;
        }
    }

    private async Task EmitAsync(byte[] path, TreeEntry entry, CancellationToken cancellation)
    {
        if (behind is not null && !IsBehind(path, behind))
        {
            return;
        }

        var archived = new ArchiveEntry(path, entry, await AttributesAsync(path, entry, cancellation));
        if (hasHardLinks && entry.HardLink is { } link)
        {
            if (_links.TryGetValue(link, out var first) && await first.Done.WaitAsync(cancellation))
            {
                await WriteAsync(archived with { LinkedTo = first.Path }, new TaskCompletionSource<bool>(), cancellation);
                return;
            }

            var done = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            _links[link] = (path, done.Task);
            await WriteAsync(archived, done, cancellation);
            return;
        }

        await WriteAsync(archived, new TaskCompletionSource<bool>(), cancellation);
    }

    private async Task WriteAsync(ArchiveEntry entry, TaskCompletionSource<bool> done, CancellationToken cancellation)
    {
        await steps.WriteAsync(new ArchiveStep.Begin(entry, done), cancellation);
        string? failure = null;
        if (entry.Entry.Type == EntryType.File && entry.LinkedTo is null)
        {
            failure = await ContentAsync(entry.Entry, cancellation);
        }

        await steps.WriteAsync(new ArchiveStep.End(failure), cancellation);
    }

    /// <summary>Hands on a file's content; returns why it could not be listed to its end, if it could not.</summary>
    private async Task<string?> ContentAsync(TreeEntry entry, CancellationToken cancellation)
    {
        ulong length = 0;
        try
        {
            await foreach (var item in tree.ContentAsync(entry, cancellation))
            {
                length += item.Length;
                if (length > entry.Size)
                {
                    break;
                }

                await steps.WriteAsync(item.Id is { } id ? new ArchiveStep.Chunk(FetchAsync(id, (int)item.Length, cancellation)) : new ArchiveStep.Hole(item.Length), cancellation);
            }
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            return exception.Message;
        }

        return length == entry.Size ? null : $"its chunks have {length} bytes, its entry says {entry.Size}";
    }

    private Task<ChunkBuffer> FetchAsync(BlobId id, int length, CancellationToken cancellation)
    {
        if (_fetches.Count >= FetchesKeptMax)
        {
            _fetches.RemoveAll(fetch => fetch.IsCompleted);
        }

        var fetching = ReadAsync(id, length, cancellation);
        _fetches.Add(fetching);
        return fetching;
    }

    private Task<ChunkBuffer> ReadAsync(BlobId id, int length, CancellationToken cancellation) => Task.Run(async () =>
    {
        var chunk = new ChunkBuffer(ArrayPool<byte>.Shared.Rent(length), length);
        await blobs.UseAsync(id, BlobType.Data, bytes =>
        {
            if (bytes.Length != length)
            {
                throw new HoldfastException(FailureTable.DamagedObject, $"Blob {id} has {bytes.Length} bytes, not {length}.");
            }

            bytes.CopyTo(chunk.Buffer);
        }, cancellation);
        return chunk;
    }, cancellation);

    private async ValueTask<IReadOnlyList<ExtendedAttribute>> AttributesAsync(byte[] path, TreeEntry entry, CancellationToken cancellation)
    {
        try
        {
            return await tree.AttributesAsync(entry, cancellation);
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            await steps.WriteAsync(new ArchiveStep.Trouble(Show(path), exception.Message), cancellation);
            return [];
        }
    }

    /// <summary>True if the walk comes to <paramref name="path"/> after <paramref name="other"/>: directories before what is in them, names in byte order.</summary>
    internal static bool IsBehind(byte[] path, byte[] other)
    {
        var common = path.AsSpan().CommonPrefixLength(other);
        if (common == path.Length)
        {
            // The same, or a directory above it.
            return false;
        }

        // A slash ends a name, and so comes before every byte of a longer one.
        return common == other.Length ? true : path[common] != (byte)'/' && (other[common] == (byte)'/' || path[common] > other[common]);
    }

    internal static string Show(byte[] path) => "/" + Encoding.UTF8.GetString(path);

    private sealed record Level(byte[] Path, byte[][] Names, IAsyncEnumerator<TreeEntry> Entries);
}
