using Holdfast.Client;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Restorer.Browsing;

/// <summary>Accounts that somebody looks into: opened once, one question at a time, and closed when nobody asks any more.</summary>
internal sealed class BrowsedAccounts(AccountOpener opener, TimeProvider time) : IAsyncDisposable
{
    private const int OpenMax = 16;

    private static readonly TimeSpan _idleMax = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _snapshotsFresh = TimeSpan.FromSeconds(30);

    private readonly Dictionary<AccountId, Browsed> _open = [];
    private readonly SemaphoreSlim _gate = new(1);

    /// <summary>Answers a question about an account's snapshots. The authority says each time anew whether the account may be read.</summary>
    public async Task<T> AskAsync<T>(AccountId id, Func<OpenedAccount, IReadOnlyList<OpenedSnapshot>, Task<T>> answer, CancellationToken cancellation)
    {
        var browsed = await TakeAsync(id, cancellation);
        try
        {
            await browsed.Gate.WaitAsync(cancellation);
            try
            {
                return await AskAsync(id, browsed, answer, cancellation);
            }
            finally
            {
                browsed.Gate.Release();
            }
        }
        finally
        {
            await LeaveAsync(browsed);
        }
    }

    private async Task<T> AskAsync<T>(AccountId id, Browsed browsed, Func<OpenedAccount, IReadOnlyList<OpenedSnapshot>, Task<T>> answer, CancellationToken cancellation)
    {
        if (browsed.Snapshots is null || time.GetElapsedTime(browsed.ListedAt) > _snapshotsFresh)
        {
            // Opened anew: its log may name another computer by now.
            browsed.Close();
            browsed.Account = await opener.OpenAsync(id, "browsing", cancellation);
            (browsed.Snapshots, browsed.ListedAt) = (await browsed.Account.SnapshotsAsync(cancellation), time.GetTimestamp());
        }

        return await answer(browsed.Account!, browsed.Snapshots);
    }

    /// <summary>Closes what nobody has asked for in a while.</summary>
    public async Task ForgetIdleAsync(CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(30), time);
        try
        {
            while (await timer.WaitForNextTickAsync(cancellation))
            {
                await ForgetAsync(browsed => time.GetElapsedTime(browsed.UsedAt) > _idleMax);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The process ends.
        }
    }

    public async ValueTask DisposeAsync()
    {
        await ForgetAsync(_ => true);
        _gate.Dispose();
    }

    private async Task<Browsed> TakeAsync(AccountId id, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (!_open.TryGetValue(id, out var browsed))
            {
                if (_open.Count >= OpenMax && _open.Where(pair => pair.Value.Users == 0).OrderBy(pair => pair.Value.UsedAt).Select(pair => (AccountId?)pair.Key).FirstOrDefault() is { } oldest)
                {
                    _open.Remove(oldest, out var forgotten);
                    forgotten!.Dispose();
                }

                browsed = _open.Count < OpenMax ? _open[id] = new Browsed() : throw new HoldfastException(FailureTable.ServiceUnavailable, "Too many accounts are being looked into just now.");
            }

            browsed.Users++;
            return browsed;
        }
        finally
        {
            _gate.Release();
        }
    }

    private async Task LeaveAsync(Browsed browsed)
    {
        await _gate.WaitAsync(CancellationToken.None);
        browsed.Users--;
        browsed.UsedAt = time.GetTimestamp();
        _gate.Release();
    }

    private async Task ForgetAsync(Func<Browsed, bool> which)
    {
        await _gate.WaitAsync(CancellationToken.None);
        foreach (var (id, browsed) in _open.Where(pair => pair.Value.Users == 0 && which(pair.Value)).ToList())
        {
            _open.Remove(id);
            browsed.Dispose();
        }

        _gate.Release();
    }

    private sealed class Browsed : IDisposable
    {
        public SemaphoreSlim Gate { get; } = new(1);

        public OpenedAccount? Account { get; set; }

        public IReadOnlyList<OpenedSnapshot>? Snapshots { get; set; }

        public long ListedAt { get; set; }

        public long UsedAt { get; set; }

        public int Users { get; set; }

        public void Close()
        {
            Account?.Dispose();
            (Account, Snapshots) = (null, null);
        }

        public void Dispose()
        {
            Close();
            Gate.Dispose();
        }
    }
}
