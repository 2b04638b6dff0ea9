using System.Runtime.CompilerServices;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Placing;
using Holdfast.Format;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Verifying;

/// <summary>Verifications that the operator asks for: one at a time, as a job, account after account; each account's result is kept. A killed one goes on with the account it was at.</summary>
internal sealed partial class Verifications(AccountDirectory directory, AccountStore store, PodClient pod, ProofTable proofs, JobTable jobs, TimeProvider time, ILogger logger) : IJobKind
{
    /// <summary>Of those that might prove how everything was, no more are looked at.</summary>
    private const int ProofsMost = 20;

    private static readonly TimeSpan _savesEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan[] _pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1)];

    public string Name => "verification";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Starts a verification, unless one runs.</summary>
    public async Task<VerificationStatus> StartAsync(string? account, CancellationToken cancellation)
    {
        await CheckAsync(account, cancellation);
        var subject = account ?? "";
        if (await jobs.FindLatestAsync(Name, cancellation) is { EndedAt: null } running && running.Subject != subject)
        {
            throw new HoldfastException(FailureTable.Conflict, $"A verification of {(running.Subject.Length == 0 ? "all accounts" : running.Subject)} runs: wait until it has ended.");
        }

        return StatusOf(await jobs.EnqueueAsync(Name, subject, cancellation));
    }

    /// <summary>Says what is wrong with one before it is begun.</summary>
    public async Task CheckAsync(string? account, CancellationToken cancellation)
    {
        if (account is not null && await directory.FindByNameAsync(account, cancellation) is null)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no account '{account}'.");
        }
    }

    /// <summary>How far the latest is.</summary>
    public async Task<VerificationStatus> StatusAsync(CancellationToken cancellation) =>
        await jobs.FindLatestAsync(Name, cancellation) is { } job ? StatusOf(job) : new VerificationStatus("none", null, 0, null, 0, 0, 0, 0, 0, [], 0);

    /// <summary>What proves how everything was at a moment (seconds since 1970): the first verification of all accounts since then that read everything, or else the first that ended; null if there is none.</summary>
    public async Task<VerificationStatus?> FindProofAsync(long since, CancellationToken cancellation)
    {
        var ended = (await jobs.EndedSinceAsync(Name, "", since, ProofsMost, cancellation)).Select(StatusOf).ToList();
        return ended.FirstOrDefault(status => status.Failure is null) ?? ended.FirstOrDefault();
    }

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var only = lease.Job.Subject.Length == 0 ? null : lease.Job.Subject;
        var progress = VerificationProgress.TryRead(lease.Job.Progress) ?? await BeginAsync(lease, only, cancellation);
        var run = new VerificationRun(progress.Before);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var gate = new SemaphoreSlim(1);
        async Task SaveAsync(Func<VerificationProgress> next, Func<string, CancellationToken, Task> saveAsync)
        {
            await gate.WaitAsync(stop.Token);
            try
            {
                await saveAsync((progress = next()).Write(), stop.Token);
            }
            finally
            {
                gate.Release();
            }
        }

        var isLost = false;
        var showing = ShowAsync(() => SaveAsync(() => progress with { Live = run.Status }, lease.ShowAsync), () => isLost = true, stop);
        try
        {
            await foreach (var place in AccountsAsync(only, progress.LastAccount, stop.Token))
            {
                if (place.IsReconciling || place.State == AccountState.Purging)
                {
                    // What its rows say is not what the pod has, and is not meant to be.
                    run.Fail($"account {place.Name} is {(place.IsReconciling ? "being compared with the pod" : "being deleted")}: verify it later.");
                }
                else
                {
                    await TryVerifyAsync(run, place, stop.Token);
                }

                await SaveAsync(() => new VerificationProgress(run.Status, run.Status, place.Name), lease.SaveAsync);
            }

            if (only is not null && progress.LastAccount is null)
            {
                run.Fail($"There is no account '{only}' any more.");
                await SaveAsync(() => progress with { Live = run.Status }, lease.SaveAsync);
            }
        }
        catch (OperationCanceledException) when (isLost)
        {
            throw new LeaseLostException(lease.Job);
        }
        finally
        {
            await stop.CancelAsync();
            await showing;
            gate.Dispose();
        }

        return null;
    }

    private async Task<VerificationProgress> BeginAsync(JobLease lease, string? only, CancellationToken cancellation)
    {
        var place = only is null ? null : await directory.FindByNameAsync(only, cancellation);
        var status = StatusOf(lease.Job) with { BytesTotal = await store.StoredBytesAsync(place, cancellation) };
        return new VerificationProgress(status, status, null);
    }

    /// <summary>Saves the numbers every second, for whoever watches; if the lease is lost, everything is stopped.</summary>
    private async Task ShowAsync(Func<Task> saveAsync, Action lost, CancellationTokenSource stop)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_savesEvery, time, stop.Token);
                try
                {
                    await saveAsync();
                }
                catch (HoldfastException exception)
                {
                    LogFailed(exception);
                }
            }
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // It has ended.
        }
        catch (LeaseLostException)
        {
            lost();
            await stop.CancelAsync();
        }
    }

    private static VerificationStatus StatusOf(Job job)
    {
        var live = VerificationProgress.TryRead(job.Progress)?.Live ?? new VerificationStatus("", job.Subject.Length == 0 ? null : job.Subject, job.CreatedAt, null, 0, 0, 0, 0, 0, [], 0);
        var failure = job.Failure ?? live.Failure;
        return live with { State = job.EndedAt is null ? "running" : failure is null ? "ended" : "failed", EndedAt = job.EndedAt, Failure = failure };
    }

    /// <summary>Tries again for a while if the pod does not answer; then this account is given up, so that the others are verified all the same.</summary>
    private async Task TryVerifyAsync(VerificationRun run, AccountPlace place, CancellationToken cancellation)
    {
        var before = run.Totals;
        for (var attempt = 0; ; attempt++)
        {
            run.BeginAgain(before);
            try
            {
                await VerifyAsync(run, place, cancellation);
                return;
            }
            catch (HoldfastException exception) when (attempt < _pauses.Length)
            {
                LogFailed(exception);
                await Task.Delay(_pauses[attempt], time, cancellation);
            }
            catch (Exception exception) when (exception is HoldfastException or MalformedObjectException)
            {
                LogFailed(exception);
                run.Fail($"account {place.Name}: {exception.Message}");
                return;
            }
        }
    }

    private async Task VerifyAsync(VerificationRun run, AccountPlace place, CancellationToken cancellation)
    {
        var (startedAt, before) = (Now, run.Totals);
        await new AccountVerification(store, pod, place, run).RunAsync(cancellation);
        var after = run.Totals;
        var damages = run.Status.Damages.Where(damage => damage.Account == place.Name).Select(damage => $"{damage.Object}: {damage.What} ({string.Join(", ", damage.Snapshots)})");
        await proofs.KeepAsync(place, new Proof(ProofKind.Verification, null, startedAt, Now, after.Snapshots - before.Snapshots, after.Objects - before.Objects, after.Bytes - before.Bytes,
            after.Damages - before.Damages, string.Join("\n", damages)), cancellation);
        if (after.Damages > before.Damages)
        {
            LogDamaged(place.Name, after.Damages - before.Damages);
        }

        run.Account();
    }

    private async IAsyncEnumerable<AccountPlace> AccountsAsync(string? only, string? behind, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (only is not null)
        {
            if (behind is null && await directory.FindByNameAsync(only, cancellation) is { } place)
            {
                yield return place;
            }

            yield break;
        }

        await foreach (var account in directory.AllAsync(cancellation, behind))
        {
            // One that was renamed or removed meanwhile is not there under this name.
            if (await directory.FindByNameAsync(account.Name, cancellation) is { } place)
            {
                yield return place;
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Account {Account}: {Damages} objects that its snapshots need cannot be read.")]
    private partial void LogDamaged(string account, long damages);

    [LoggerMessage(Level = LogLevel.Error, Message = "A verification could not go on.")]
    private partial void LogFailed(Exception exception);
}
