using System.Threading.Channels;
using Holdfast.Client.Packing;
using Holdfast.Client.Walking;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Trees;
using Holdfast.Posix;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Client.Chunking;

/// <summary>Reads files, cuts them into chunks, and stores the chunks that are new. One per thread of work.</summary>
internal sealed class FileReader(Chunker chunker, FrameFiller data, FrameFiller lists, FileSystems fileSystems, BackupProgress progress)
{
    /// <summary>Two of the longest chunks: one is cut while the rest of the buffer waits.</summary>
    private const int BufferLength = 2 * Chunker.LengthMax;

    public const long BufferBytes = BufferLength;

    private readonly byte[] _buffer = new byte[BufferLength];

    /// <summary>Reads files until there are no more, then closes its frames.</summary>
    public async Task RunAsync(ChannelReader<FileJob> jobs, CancellationToken cancellation)
    {
        await foreach (var job in jobs.ReadAllAsync(cancellation))
        {
            FileResult? result = null;
            try
            {
                result = await ReadAsync(job, cancellation);
            }
            catch (PosixException exception) when (exception.Error == Errno.NoEntry)
            {
                progress.Unreadable(job.Path, "it vanished before it was read");
            }
            catch (PosixException exception)
            {
                progress.Unreadable(job.Path, exception.Message);
            }
            finally
            {
                job.Finish(result);
            }
        }

        await data.CloseAsync(cancellation);
        await lists.CloseAsync(cancellation);
    }

    private async ValueTask<FileResult?> ReadAsync(FileJob job, CancellationToken cancellation)
    {
        using var file = Open(job);
        var before = DirectoryHandle.StatusOf(file);
        if (before.Kind != FileKind.File)
        {
            progress.Unreadable(job.Path, "it was replaced by something that is no file while it was backed up");
            return null;
        }

        var content = new ContentBuilder(lists, cancellation);
        await ReadContentAsync(file, before, job.Path, content, cancellation);
        var attributes = Attributes(file, job.Path);
        var entry = Entries.Of(job.Name, before, EntryType.File, attributes) with { Size = content.Length, HardLink = fileSystems.HardLinkOf(before) };
        entry = await content.FinishAsync(entry);
        entry = await StoreLongAttributesAsync(entry, content, job.Path, cancellation);

        var after = DirectoryHandle.StatusOf(file);
        var changed = (after.Size, after.ModifiedSeconds, after.ModifiedNanoseconds) != (before.Size, before.ModifiedSeconds, before.ModifiedNanoseconds);
        if (changed)
        {
            progress.Unreadable(job.Path, "it changed while it was read; what was read is kept");
        }

        // Inode 0 never matches: a file that changed is read again next time.
        return new FileResult(entry.Encode(), content.Frames, changed ? before with { Inode = 0 } : before);
    }

    private async ValueTask ReadContentAsync(SafeFileHandle file, FileStatus status, string path, ContentBuilder content, CancellationToken cancellation)
    {
        var mayHaveHoles = status.Blocks * 512 < (ulong)status.Size;
        long position = 0;
        while (true)
        {
            var (start, end) = (position, long.MaxValue);
            if (mayHaveHoles)
            {
                if (PosixFile.NextData(file, position, status.Size) is not { } run)
                {
                    await content.AddHoleAsync(status.Size - position);
                    return;
                }

                (start, end) = run;
                await content.AddHoleAsync(start - position);
            }

            position = await ReadRunAsync(file, start, end, path, content, cancellation);
            if (!mayHaveHoles || position < end || position >= status.Size)
            {
                return;
            }
        }
    }

    /// <summary>Chunks one run of data; returns where it ended (before <paramref name="end"/> if the file did).</summary>
    private async ValueTask<long> ReadRunAsync(SafeFileHandle file, long start, long end, string path, ContentBuilder content, CancellationToken cancellation)
    {
        var (filled, isEnd, position) = (0, false, start);
        while (true)
        {
            if (!isEnd)
            {
                var wanted = (int)Math.Min(_buffer.Length - filled, end - position);
                var read = wanted == 0 ? 0 : PosixFile.ReadFull(file, _buffer.AsSpan(filled, wanted), position, path);
                progress.Read(read);
                position += read;
                filled += read;
                isEnd = read < wanted || position >= end;
            }

            var used = 0;
            while (filled - used >= Chunker.LengthMax || (isEnd && used < filled))
            {
                var length = chunker.NextCut(_buffer.AsSpan(used, Math.Min(filled - used, Chunker.LengthMax)));
                var (id, frame) = await data.StoreAsync(BlobType.Data, _buffer.AsMemory(used, length), cancellation);
                await content.AddChunkAsync(id, length, frame);
                used += length;
            }

            if (isEnd)
            {
                return position;
            }

            cancellation.ThrowIfCancellationRequested();
            _buffer.AsSpan(used, filled - used).CopyTo(_buffer);
            filled -= used;
        }
    }

    private async ValueTask<TreeEntry> StoreLongAttributesAsync(TreeEntry entry, ContentBuilder content, string path, CancellationToken cancellation)
    {
        var (result, frame) = await LongAttributes.StoreAsync(entry, lists, progress, path, cancellation);
        if (frame is { } used)
        {
            content.Use(used);
        }

        return result;
    }

    /// <summary>Attributes that cannot be read are reported; the file is kept without them.</summary>
    private List<ExtendedAttribute> Attributes(SafeFileHandle file, string path)
    {
        try
        {
            return Entries.Attributes(PosixAttributes.List(file, path));
        }
        catch (PosixException exception)
        {
            progress.Unreadable(path, exception.Message);
            return [];
        }
    }

    private static SafeFileHandle Open(FileJob job)
    {
        const int flags = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
        try
        {
            // Reading must not change what is read. Only owners may ask for that.
            return job.Directory.Handle.OpenFile(job.Name, flags | OpenFlags.NoAccessTime);
        }
        catch (PosixException exception) when (exception.Error == Errno.NotPermitted)
        {
            return job.Directory.Handle.OpenFile(job.Name, flags);
        }
    }
}
