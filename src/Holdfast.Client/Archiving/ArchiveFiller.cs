using System.Buffers;
using System.Threading.Channels;
using Holdfast.Client.Restoring;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Archiving;

/// <summary>Writes what was read into the archive, in order. Files that are short are gathered first, so that of a damaged one nothing is written.</summary>
internal sealed class ArchiveFiller(IArchiveFormat format, RestoreProgress progress, Func<byte[], CancellationToken, ValueTask>? entryDone)
{
    private const ulong GatheredLengthMax = 4 << 20;

    private static readonly byte[] _zeros = new byte[64 << 10];

    private readonly List<ArchiveStep> _gathered = [];

    public async Task RunAsync(ChannelReader<ArchiveStep> steps, CancellationToken cancellation)
    {
        try
        {
            while (await steps.WaitToReadAsync(cancellation) && steps.TryRead(out var step))
            {
                if (step is ArchiveStep.Trouble trouble)
                {
                    progress.Trouble(trouble.Path, trouble.Reason);
                    continue;
                }

                var (entry, done) = (ArchiveStep.Begin)step;
                done.TrySetResult(await FillAsync(entry, steps, cancellation));
                if (entryDone is not null)
                {
                    await entryDone(entry.Path, cancellation);
                }
            }
        }
        finally
        {
            // Whatever is still on its way gives its buffer back.
            foreach (var step in _gathered)
            {
                await DropAsync(step);
            }

            while (steps.TryRead(out var step))
            {
                await DropAsync(step);
            }
        }
    }

    /// <summary>Writes one entry; false if it is not there whole.</summary>
    private async Task<bool> FillAsync(ArchiveEntry entry, ChannelReader<ArchiveStep> steps, CancellationToken cancellation)
    {
        var path = ArchiveReader.Show(entry.Path);
        string? failure = null;
        if (entry.Entry.Type == EntryType.File && entry.Entry.Size <= GatheredLengthMax)
        {
            failure = await GatherAsync(steps, cancellation);
        }

        if (failure is null)
        {
            try
            {
                if (await format.BeginAsync(entry, cancellation) is { } differs)
                {
                    progress.Trouble(path, differs);
                }
            }
            catch (CannotHoldException exception)
            {
                failure = exception.Message;
            }
        }

        if (failure is not null)
        {
            progress.Trouble(path, failure);
            await SkipAsync(steps, cancellation);
            return false;
        }

        failure = await WriteContentAsync(steps, cancellation);
        if (failure is not null)
        {
            progress.Trouble(path, $"{failure} ({await format.AbandonAsync(cancellation)})");
            return false;
        }

        await format.EndAsync(cancellation);
        Count(entry.Entry.Type);
        return true;
    }

    /// <summary>Waits for the whole of a short file; returns why it is not all there, if it is not.</summary>
    private async Task<string?> GatherAsync(ChannelReader<ArchiveStep> steps, CancellationToken cancellation)
    {
        string? failure = null;
        while (true)
        {
            var step = await steps.ReadAsync(cancellation);
            _gathered.Add(step);
            switch (step)
            {
                case ArchiveStep.Chunk chunk:
                    failure ??= await FailureOfAsync(chunk);
                    break;
                case ArchiveStep.End end:
                    return failure ?? end.Failure;
            }
        }
    }

    /// <summary>Writes content until the entry ends; returns why it could not be, if it could not.</summary>
    private async Task<string?> WriteContentAsync(ChannelReader<ArchiveStep> steps, CancellationToken cancellation)
    {
        string? failure = null;
        await foreach (var step in ContentAsync(steps, cancellation))
        {
            switch (step)
            {
                case ArchiveStep.Chunk chunk when failure is null && (failure = await FailureOfAsync(chunk)) is null:
                    var bytes = await chunk.Bytes;
                    await format.WriteAsync(bytes.Bytes, cancellation);
                    progress.Written(bytes.Length);
                    ArrayPool<byte>.Shared.Return(bytes.Buffer);
                    break;
                case ArchiveStep.Hole hole when failure is null:
                    for (var left = hole.Length; left > 0; left -= Math.Min(left, (ulong)_zeros.Length))
                    {
                        await format.WriteAsync(_zeros.AsMemory(0, (int)Math.Min(left, (ulong)_zeros.Length)), cancellation);
                    }

                    progress.Written((long)hole.Length);
                    break;
                case ArchiveStep.End end:
                    failure ??= end.Failure;
                    break;
                default:
                    await DropAsync(step);
                    break;
            }
        }

        return failure;
    }

    private async Task SkipAsync(ChannelReader<ArchiveStep> steps, CancellationToken cancellation)
    {
        await foreach (var step in ContentAsync(steps, cancellation))
        {
            await DropAsync(step);
        }
    }

    /// <summary>What was gathered of an entry, or else what comes of it, to its end.</summary>
    private async IAsyncEnumerable<ArchiveStep> ContentAsync(ChannelReader<ArchiveStep> steps, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        if (_gathered.Count > 0)
        {
            List<ArchiveStep> gathered = [.. _gathered];
            _gathered.Clear();
            foreach (var step in gathered)
            {
                yield return step;
            }

            yield break;
        }

        while (true)
        {
            var step = await steps.ReadAsync(cancellation);
            yield return step;
            if (step is ArchiveStep.End)
            {
                yield break;
            }
        }
    }

    private static async Task<string?> FailureOfAsync(ArchiveStep.Chunk chunk)
    {
        try
        {
            await chunk.Bytes;
            return null;
        }
        catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
        {
            return exception.Message;
        }
    }

    private static async Task DropAsync(ArchiveStep step)
    {
        if (step is not ArchiveStep.Chunk chunk)
        {
            return;
        }

        await chunk.Bytes.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        if (chunk.Bytes.IsCompletedSuccessfully)
        {
            ArrayPool<byte>.Shared.Return((await chunk.Bytes).Buffer);
        }
    }

    private void Count(EntryType type)
    {
        switch (type)
        {
            case EntryType.File:
                progress.File();
                break;
            case EntryType.Directory:
                progress.Directory();
                break;
            default:
                progress.Other();
                break;
        }
    }
}
