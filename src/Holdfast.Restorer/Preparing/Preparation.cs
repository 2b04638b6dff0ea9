using Holdfast.Client;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Holdfast.Restorer.Spooling;

namespace Holdfast.Restorer.Preparing;

/// <summary>Makes one archive: opens the account, goes on from what was saved, tells how far it is, and that it is ready or why it cannot be made.</summary>
internal sealed class Preparation(ServiceClient service, AccountOpener opener, Spool spool, TimeProvider time)
{
    /// <summary>What a kill costs at most, but for the file that is being written.</summary>
    private const long SavesEveryBytes = 32 << 20;

    private static readonly TimeSpan _savesEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _tellsEvery = TimeSpan.FromSeconds(2);

    /// <summary>Failures that concern the account's objects: drives that heal may mend them, and so they are tried again a few times.</summary>
    private static readonly FailureKind[] _lasting = [FailureTable.NotFound, FailureTable.NotManaged, FailureTable.Tampered, FailureTable.DamagedObject, FailureTable.NewerVersion];

    private const int TriesMax = 5;
    private const int DiskFull = 28;

    /// <summary>Makes it; failures that may pass are thrown. What was made of one that cannot be is deleted when the authority says so.</summary>
    public async Task RunAsync(RestoreWork work, int failures, CancellationToken cancellation)
    {
        var (isWriting, state, why) = (false, new SpooledState(), (string?)null);
        try
        {
            // One that was whole before anybody could be told is only told.
            state = spool.StateOf(work.Id) is { IsWhole: true } whole ? whole : await MakeAsync(work, () => isWriting = true, cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.LocalDiskFull || exception.Kind == FailureTable.InvalidRequest
            || (isWriting && exception.Kind == FailureTable.NotFound) || (failures >= TriesMax && _lasting.Contains(exception.Kind)))
        {
            why = exception.Message;
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            // The lease is lost: it was cancelled, or another makes it. There is nothing to tell.
            return;
        }
        catch (IOException exception) when ((exception.HResult & 0xFFFF) == DiskFull || exception is Posix.PosixException { IsFull: true })
        {
            why = "The disk on which archives are made is full.";
        }

        await EndAsync(work, state, why, cancellation);
    }

    private async Task<SpooledState> MakeAsync(RestoreWork work, Action writing, CancellationToken cancellation)
    {
        var id = AccountId.TryParse(work.Account, out var named) ? named : throw new HoldfastException(FailureTable.InvalidRequest, "The authority names no account.");
        var before = spool.StateOf(work.Id) ?? new SpooledState();
        var progress = new RestoreProgress(before.Files, before.Directories, before.Others, before.Bytes, before.Troubles.Select(trouble => new EntryTrouble(trouble.Path, trouble.Reason)), before.TroubleCount);
        long total = 0;
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var telling = LeaseKeeping.RunAsync(token => service.SendOnceAsync(HttpMethod.Put, $"/v1/restorer/restores/{work.Id}",
            new RestoreAdvanced(work.Token, progress.Files, progress.Bytes, Volatile.Read(ref total)), MessageJson.Default.RestoreAdvanced, MessageJson.Default.Done, token), _tellsEvery, stop, time);
        try
        {
            using var turn = await opener.TakeTurnAsync(id, stop.Token);
            using var account = await opener.OpenAsync(id, "preparing", stop.Token);
            var snapshot = await account.FindSnapshotAsync(work.Snapshot, stop.Token);
            Volatile.Write(ref total, work.Paths.Count == 0 ? (long)snapshot.Body.Bytes : 0);
            if (total - before.Bytes > spool.BytesFree)
            {
                throw new HoldfastException(FailureTable.LocalDiskFull, "There is no room for it now: ask for less, or ask the operator.");
            }

            writing();
            return await WriteAsync(work, account, snapshot, progress, stop.Token);
        }
        finally
        {
            await stop.CancelAsync();
            await telling;
        }
    }

    private async Task<SpooledState> WriteAsync(RestoreWork work, OpenedAccount account, OpenedSnapshot snapshot, RestoreProgress progress, CancellationToken cancellation)
    {
        await using var archive = spool.Open(work.Id);
        SpooledState Reached(ArchiveProgress reached) => new()
        {
            Last = reached.Last, Entries = reached.Entries, Files = progress.Files, Directories = progress.Directories, Others = progress.Others, Bytes = progress.Bytes,
            Troubles = [.. progress.Troubles.Select(trouble => new SpooledTrouble(trouble.Path, trouble.Reason))], TroubleCount = progress.TroubleCount, WrittenAt = time.GetUtcNow().ToUnixTimeSeconds(),
        };
        var before = archive.State;
        var (saved, savedAt, last) = (before.Length, time.GetTimestamp(), new ArchiveProgress(before.Last, before.Length, before.Entries));
        await new Archive(account).ContinueZipAsync(snapshot, new ArchiveOptions { Kind = ArchiveKind.Zip, Include = work.Paths, Scratch = "", WithReport = true }, archive.Content, archive.Directory, last, async (reached, _) =>
        {
            last = reached;
            if (reached.Length - saved > SavesEveryBytes || time.GetElapsedTime(savedAt) > _savesEvery)
            {
                await archive.BeginSaveAsync(() => Reached(reached));
                (saved, savedAt) = (reached.Length, time.GetTimestamp());
            }
        }, progress, cancellation);
        await archive.FinishAsync(Reached(last));
        return archive.State;
    }

    private Task EndAsync(RestoreWork work, SpooledState state, string? failure, CancellationToken cancellation) => service.SendOnceAsync(HttpMethod.Post, $"/v1/restorer/restores/{work.Id}/end",
        new RestoreEnded(work.Token, state.Files, state.Bytes, state.Length, state.TroubleCount, failure), MessageJson.Default.RestoreEnded, MessageJson.Default.Done, cancellation);
}
