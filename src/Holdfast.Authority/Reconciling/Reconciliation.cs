using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Escrow;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Rebuilding;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Reconciling;

/// <summary>
/// After an older copy of the databases was restored: account after account, what the pod has is taken in (protocol rule R11), and only then the account backs up again and anything of it may be
/// condemned. Accounts that came since the copy come back as after a rebuild. Killed, it goes on with the account it was at. Restores go on all the time.
/// </summary>
internal sealed class Reconciliation(AccountDirectory directory, AccountStore store, AccountObjects objects, EscrowKeys escrow, PodClient pod, JobTable jobs, TimeProvider time) : IJobKind
{
    public const string JobName = "reconciliation";

    private const int TroublesMax = 1000;

    private static readonly TimeSpan _retryPause = TimeSpan.FromMinutes(1);

    private readonly AccountReading _reading = new(store, pod, time);

    public string Name => JobName;

    /// <summary>How far it is.</summary>
    public async Task<ReconciliationStatus> StatusAsync(CancellationToken cancellation)
    {
        var job = await jobs.FindLatestAsync(JobName, cancellation);
        var left = await directory.CountReconcilingAsync(cancellation);
        var progress = Progress.Read(job?.Progress);
        return new ReconciliationStatus(job is { EndedAt: null } || left > 0, left, progress.Done, progress.Found, progress.Troubles);
    }

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var progress = Progress.Read(lease.Job.Progress);
        var behind = ObjectName.EndOf(AccountId.TryParse(progress.Last, out var last) ? last : default);
        for (var next = await pod.FirstAsync(behind, cancellation); next is { Account: var account }; next = await pod.FirstAsync(ObjectName.EndOf(account), cancellation))
        {
            progress = await TryTakeAsync(account, isOnPod: true, progress, lease, cancellation) with { Last = account.ToString() };
            await lease.SaveAsync(progress.Write(), cancellation);
        }

        // Of these the pod has nothing, or they failed.
        var left = false;
        var places = new List<AccountPlace>();
        for (AccountId? after = null; (places = await directory.ReconcilingAsync(after, cancellation)).Count > 0; after = places[^1].Account)
        {
            foreach (var place in places)
            {
                progress = await TryTakeAsync(place.Account, isOnPod: false, progress, lease, cancellation);
                left |= await directory.FindAsync(place.Account, cancellation) is { IsReconciling: true };
            }
        }

        return left ? time.GetUtcNow() + _retryPause : null;
    }

    /// <summary>One account's trouble keeps no other from backing up: it is tried again in a while.</summary>
    private async Task<Progress> TryTakeAsync(AccountId account, bool isOnPod, Progress progress, JobLease lease, CancellationToken cancellation)
    {
        try
        {
            return await TakeAsync(account, isOnPod, progress, lease, cancellation);
        }
        catch (Exception exception) when (exception is HoldfastException or MalformedObjectException && (exception as HoldfastException)?.Kind != FailureTable.PodUnavailable)
        {
            return progress with { Troubles = Add(progress.Troubles, [$"account {account} could not be compared, and is tried again: {exception.Message}"]) };
        }
    }

    private static List<string> Add(IReadOnlyList<string> troubles, IEnumerable<string> more) => [.. troubles.Concat(more).Distinct().Take(TroublesMax)];

    private async Task<Progress> TakeAsync(AccountId account, bool isOnPod, Progress progress, JobLease lease, CancellationToken cancellation)
    {
        var place = await directory.FindAsync(account, cancellation);
        if (place is { IsReconciling: false } or { State: AccountState.Purging })
        {
            return progress;
        }

        var draft = await _reading.BeginAsync(account, place, cancellation);
        var isNew = place is null;
        place ??= await directory.AddRebuiltAsync(account, draft.IsLogDamaged ? AccountState.LogDamaged : AccountState.Rebuilt, isReconciling: true, cancellation);
        await store.AdmitAsync(place, cancellation);
        await directory.SetLogDamagedAsync(account, draft.IsLogDamaged && isOnPod, cancellation);

        // Nobody ever used it.
        var isEmpty = draft.Log.Sequence == 0 && !isOnPod;
        if (!isEmpty)
        {
            await _reading.RunAsync(place, draft, () => { }, cancellation);
            await objects.PlaceAsync(place, cancellation);
            await escrow.KeepAsync(place, cancellation);
        }

        // Told before it counts as done: a kill in between has it compared again, and loses nothing.
        progress = progress with
        {
            Done = progress.Done + 1, Found = progress.Found + (isNew ? 1 : 0),
            Troubles = Add(progress.Troubles, isEmpty ? [] : draft.Troubles.Select(trouble => $"account {place.Name}: {trouble}")),
        };
        await lease.SaveAsync(progress.Write(), cancellation);
        await directory.EndReconcilingAsync(account, cancellation);
        return progress;
    }

    /// <summary>What is done, and what was odd.</summary>
    internal sealed record Progress(string? Last, long Done, long Found, IReadOnlyList<string> Troubles)
    {
        public static Progress Read(string? text) => string.IsNullOrEmpty(text) ? new Progress(null, 0, 0, []) : JsonSerializer.Deserialize(text, ReconciliationJson.Default.Progress)!;

        public string Write() => JsonSerializer.Serialize(this, ReconciliationJson.Default.Progress);
    }
}

[JsonSerializable(typeof(Reconciliation.Progress))]
internal sealed partial class ReconciliationJson : JsonSerializerContext;
