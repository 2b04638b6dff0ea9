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

    /// <summary>Failures that no second try mends.</summary>
    private static readonly FailureKind[] _final = [FailureTable.NotFound, FailureTable.NotManaged, FailureTable.Tampered, FailureTable.DamagedObject, FailureTable.NewerVersion, FailureTable.LocalDiskFull, FailureTable.InvalidRequest];

    /// <summary>Makes it; passing failures are thrown.</summary>
    public async Task RunAsync(RestoreWork work, CancellationToken cancellation)
    {
        try
        {
            // One that was whole before anybody could be told is only told.
            await EndAsync(work, spool.StateOf(work.Id) is { IsWhole: true } whole ? whole : await MakeAsync(work, cancellation), null, cancellation);
        }
        catch (Exception exception) when ((exception is HoldfastException failure && _final.Contains(failure.Kind)) || exception is Posix.PosixException { IsFull: true })
        {
            spool.Delete(work.Id);
            await EndAsync(work, new SpooledState(), exception.Message, cancellation);
        }
    }

    private async Task<SpooledState> MakeAsync(RestoreWork work, CancellationToken cancellation)
    {
        using var account = await opener.OpenAsync(AccountId.TryParse(work.Account, out var id) ? id : throw new HoldfastException(FailureTable.InvalidRequest, "The authority names no account."), work.Id, cancellation);
        var snapshot = await account.FindSnapshotAsync(work.Snapshot, cancellation);
        using var archive = spool.Open(work.Id);
        var before = archive.State;
        var progress = new RestoreProgress(before.Files, before.Directories, before.Others, before.Bytes, before.Troubles.Select(trouble => new EntryTrouble(trouble.Path, trouble.Reason)));
        var total = work.Paths.Count == 0 ? (long)snapshot.Body.Bytes : 0;
        if (total - before.Bytes > spool.BytesFree)
        {
            throw new HoldfastException(FailureTable.LocalDiskFull, "There is no room for it now: ask for less, or ask the operator.");
        }

        SpooledState Reached(ArchiveProgress reached) => new()
        {
            Seen = reached.Seen, Entries = reached.Entries, Files = progress.Files, Directories = progress.Directories, Others = progress.Others, Bytes = progress.Bytes,
            Troubles = [.. progress.Troubles.Select(trouble => new SpooledTrouble(trouble.Path, trouble.Reason))], WrittenAt = time.GetUtcNow().ToUnixTimeSeconds(),
        };
        var (saved, savedAt, last) = (before.Length, time.GetTimestamp(), new ArchiveProgress(before.Seen, before.Length, before.Entries));
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var telling = TellAsync(work, progress, total, stop);
        try
        {
            await new Archive(account).ContinueZipAsync(snapshot, new ArchiveOptions { Kind = ArchiveKind.Zip, Include = work.Paths, Scratch = "", WithReport = true }, archive.Content, archive.Directory, last, (reached, _) =>
            {
                last = reached;
                if (reached.Length - saved > SavesEveryBytes || time.GetElapsedTime(savedAt) > _savesEvery)
                {
                    archive.Save(Reached(reached));
                    (saved, savedAt) = (reached.Length, time.GetTimestamp());
                }

                return ValueTask.CompletedTask;
            }, progress, stop.Token);
            archive.Save(Reached(last) with { IsWhole = true });
            return archive.State;
        }
        finally
        {
            await stop.CancelAsync();
            await telling;
        }
    }

    /// <summary>Tells how far it is, which keeps the lease; if that is lost the work is ended.</summary>
    private async Task TellAsync(RestoreWork work, RestoreProgress progress, long total, CancellationTokenSource stop)
    {
        try
        {
            using var timer = new PeriodicTimer(_tellsEvery, time);
            while (await timer.WaitForNextTickAsync(stop.Token))
            {
                try
                {
                    await service.SendOnceAsync(HttpMethod.Put, $"/v1/restorer/restores/{work.Id}", new RestoreAdvanced(work.Token, progress.Files, progress.Bytes, total), MessageJson.Default.RestoreAdvanced, MessageJson.Default.Done, stop.Token);
                }
                catch (HoldfastException exception) when (exception.Kind != FailureTable.Conflict)
                {
                    // The authority is away for a moment: the archive goes on.
                }
            }
        }
        catch (HoldfastException)
        {
            await stop.CancelAsync();
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It has ended.
        }
    }

    private Task EndAsync(RestoreWork work, SpooledState state, string? failure, CancellationToken cancellation) => service.SendOnceAsync(HttpMethod.Post, $"/v1/restorer/restores/{work.Id}/end",
        new RestoreEnded(work.Token, state.Files, state.Bytes, state.Length, state.Troubles.Count, failure), MessageJson.Default.RestoreEnded, MessageJson.Default.Done, cancellation);
}
