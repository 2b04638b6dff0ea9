using System.Runtime.CompilerServices;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Placing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Verifying;

/// <summary>Verifications that the operator asks for: one at a time, in the background, account after account; each account's result is kept.</summary>
internal sealed partial class Verifications(AccountDirectory directory, AccountStore store, PodClient pod, ProofTable proofs, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan[] _pauses = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(10), TimeSpan.FromMinutes(1)];

    private readonly Lock _lock = new();
    private readonly CancellationTokenSource _stopping = new();
    private VerificationRun? _run;
    private Task _running = Task.CompletedTask;

    public VerificationStatus Status => _run?.Status ?? new VerificationStatus("none", null, 0, null, 0, 0, 0, 0, 0, [], 0);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Starts a verification, unless one runs.</summary>
    public async Task<VerificationStatus> StartAsync(string? account, CancellationToken cancellation)
    {
        var only = account is null ? null : await directory.FindByNameAsync(account, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{account}'.");
        var stored = await store.StoredBytesAsync(only, cancellation);
        lock (_lock)
        {
            if (_running.IsCompleted)
            {
                _run = new VerificationRun(account, Now, stored);
                _running = Task.Run(() => RunAsync(_run, only, _stopping.Token), CancellationToken.None);
            }
            else if (_run!.OnlyAccount != account)
            {
                throw new HoldfastException(FailureTable.Conflict, $"A verification of {_run.OnlyAccount ?? "all accounts"} runs: wait until it has ended.");
            }

            return Status;
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task RunAsync(VerificationRun run, AccountPlace? only, CancellationToken cancellation)
    {
        string? failure = null;
        try
        {
            await foreach (var place in only is null ? AllAsync(cancellation) : AsyncEnumerable.Repeat(only, 1))
            {
                failure = await TryVerifyAsync(run, place, cancellation) ?? failure;
            }
        }
        catch (OperationCanceledException)
        {
            failure = "The service was stopped.";
        }
#pragma warning disable CA1031 // The end of a background task: whatever it is, the log and the status say it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailed(exception);
            failure = "The verification failed; the service's log says why.";
        }

        run.End(Now, failure);
    }

    /// <summary>Tries again for a while if the pod does not answer; what it says is why this account was given up, so that the others are verified all the same.</summary>
    private async Task<string?> TryVerifyAsync(VerificationRun run, AccountPlace place, CancellationToken cancellation)
    {
        var before = run.Totals;
        for (var attempt = 0; ; attempt++)
        {
            run.BeginAgain(before);
            try
            {
                await VerifyAsync(run, place, cancellation);
                return null;
            }
            catch (HoldfastException exception) when (attempt < _pauses.Length)
            {
                LogFailed(exception);
                await Task.Delay(_pauses[attempt], time, cancellation);
            }
            catch (HoldfastException exception)
            {
                LogFailed(exception);
                return $"account {place.Name}: {exception.Message}";
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

    private async IAsyncEnumerable<AccountPlace> AllAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        for (var paging = Paging.Of(null, null); ;)
        {
            var page = await directory.ListAsync(paging, cancellation);
            foreach (var account in page.Items)
            {
                // One that was renamed or removed meanwhile is not there under this name.
                if (await directory.FindByNameAsync(account.Name, cancellation) is { } place)
                {
                    yield return place;
                }
            }

            if (page.Next is null)
            {
                yield break;
            }

            paging = Paging.Of(page.Next, null);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Account {Account}: {Damages} objects that its snapshots need cannot be read.")]
    private partial void LogDamaged(string account, long damages);

    [LoggerMessage(Level = LogLevel.Error, Message = "A verification could not go on.")]
    private partial void LogFailed(Exception exception);
}
