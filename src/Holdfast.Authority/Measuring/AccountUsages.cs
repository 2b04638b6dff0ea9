using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Quotas;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Measuring;

/// <summary>
/// What accounts use, kept by day. An account that changed nothing gets no row. A day's usage is what had been committed when the day began (UTC): each computer's objects up to its last snapshot
/// before. So it is the same whenever it is counted (but for a computer that was revoked since, of which nobody knows when), and can be derived again from the snapshots' records.
/// </summary>
internal sealed class AccountUsages(AccountDirectory directory, AccountStore store, TimeProvider time)
{
    private const int DaysShown = 400;
    private const int WritersMax = 4;
    private const string IsStored = "receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')";
    private const string Sums = "count(*), CAST(coalesce(sum(o.length), 0) AS BIGINT)";

    // A computer's numbers rise, and its snapshot's is the last of what belongs to it. (CROSS JOIN keeps SQLite from reading an account's objects once for each of its computers.)
    private const string Committed =
        $"FROM objects o CROSS JOIN (SELECT account_id, computer, max(number) AS last FROM snapshots WHERE received_at < @began GROUP BY account_id, computer) s WHERE s.account_id = o.account_id AND s.computer = o.computer AND o.number <= s.last AND {IsStored}";
    private const string Snapshots = "snapshots WHERE state = 'live' AND received_at < @began";
    private const string Computers = "devices WHERE revoked = 0 AND deleted = 0 AND rights <> 'Waiting' AND created_at < @began AND coalesce(retired_at, @began) >= @began";

    /// <summary>Counts what every account used on a day and keeps what changed since the last row; totals of all.</summary>
    public async Task<Usage> KeepAsync(long day, CancellationToken cancellation)
    {
        var (total, changed) = (new Usage(0, 0, 0, 0), new List<(AccountId Account, Usage Now)>());
        foreach (var accounts in await store.ReadAllAsync(transaction => CountAsync(transaction, Began(day)), cancellation))
        {
            foreach (var (account, (now, kept)) in accounts)
            {
                total = new Usage(total.Bytes + now.Bytes, total.Objects + now.Objects, total.Snapshots + now.Snapshots, total.Computers + now.Computers);
                if (now != kept)
                {
                    changed.Add((account, now));
                }
            }
        }

        // A few at once: each waits for its own commit.
        await Parallel.ForEachAsync(changed, new ParallelOptions { MaxDegreeOfParallelism = WritersMax, CancellationToken = cancellation }, async (item, token) =>
        {
            if (await directory.FindAsync(item.Account, token) is { } place)
            {
                await KeepAsync(place, day, item.Now, token);
            }
        });

        return total;
    }

    /// <summary>What an account used on each of some days, from its snapshots' records, and beside it what was kept for that day; null before anything was.</summary>
    /// <param name="place">Where the account is.</param>
    /// <param name="from">The first day, in days since 1970.</param>
    /// <param name="to">The last day.</param>
    /// <param name="cancellation">Stops reading.</param>
    public async Task<IReadOnlyList<DerivedDay>> DeriveAsync(AccountPlace place, long from, long to, CancellationToken cancellation)
    {
        var days = new List<DerivedDay>();
        for (var day = from; day <= to; day++)
        {
            days.Add(await store.ReadAsync(place, async transaction =>
            {
                var moment = new { day, began = Began(day) };
                var (objects, bytes) = await transaction.FindAsync<(long, long)>($"SELECT {Sums} {Committed} AND o.account_id = @account", moment);
                var snapshots = await transaction.FindAsync<long>($"SELECT count(*) FROM {Snapshots} AND account_id = @account", moment);
                var computers = await transaction.FindAsync<long>($"SELECT count(*) FROM {Computers} AND account_id = @account", moment);
                var kept = await transaction.FindAsync<Row>(
                    "SELECT day, bytes, objects, snapshots, computers FROM account_usage WHERE account_id = @account AND deleted = 0 AND day <= @day ORDER BY day DESC LIMIT 1", moment);
                return new DerivedDay(new DayUsage(day, bytes, objects, snapshots, computers), kept is null ? null : new DayUsage(kept.Day, kept.Bytes, kept.Objects, kept.Snapshots, kept.Computers));
            }, cancellation));
        }

        return days;
    }

    /// <summary>What one account uses now, committed or not.</summary>
    public Task<Usage> CountAsync(AccountPlace place, CancellationToken cancellation) => store.ReadAsync(place, async transaction => new Usage(
        await transaction.FindAsync<long>($"SELECT CAST(coalesce(sum(length), 0) AS BIGINT) FROM objects WHERE account_id = @account AND {IsStored}"),
        await transaction.FindAsync<long>($"SELECT count(*) FROM objects WHERE account_id = @account AND {IsStored}"),
        await transaction.FindAsync<long>("SELECT count(*) FROM snapshots WHERE account_id = @account AND state = 'live'"),
        await transaction.FindAsync<long>("SELECT count(*) FROM devices WHERE account_id = @account AND deleted = 0")), cancellation);

    /// <summary>Stored bytes by computer, counted now.</summary>
    public Task<IReadOnlyDictionary<uint, long>> OfComputersAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync<IReadOnlyDictionary<uint, long>>(place, async transaction => (await transaction.QueryAsync<(long Computer, long Bytes)>(
        $"SELECT computer, CAST(coalesce(sum(length), 0) AS BIGINT) FROM objects WHERE account_id = @account AND {IsStored} GROUP BY computer")).ToDictionary(row => (uint)row.Computer, row => row.Bytes), cancellation);

    /// <summary>Names of an account's computers.</summary>
    public Task<Dictionary<uint, string>> NamesAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync(place, async transaction => (await transaction.QueryAsync<(long Computer, string Name)>(
        "SELECT computer, name FROM devices WHERE account_id = @account AND deleted = 0 ORDER BY computer")).ToDictionary(row => (uint)row.Computer, row => row.Name), cancellation);

    /// <summary>Numbers of an account under which something may still arrive, as far as they are not old.</summary>
    public Task<long> CountOutstandingAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync(place, transaction => transaction.FindAsync<long>(
        "SELECT count(*) FROM objects WHERE account_id = @account AND state = 'granted' AND receipt IS NULL AND session IN (SELECT session FROM sessions WHERE account_id = @account AND seen_at > @since)",
        new { since = (time.GetUtcNow() - Grant.LifeMax).ToUnixTimeSeconds() }), cancellation);

    /// <summary>What one account uses now, by computer, and used before.</summary>
    public async Task<AccountUsageHistory> HistoryAsync(AccountPlace place, Quota quota, CancellationToken cancellation)
    {
        var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
        var used = await OfComputersAsync(place, cancellation);
        var computers = await NamesAsync(place, cancellation);
        var rows = await store.AskAsync(place, transaction => transaction.QueryAsync<Row>($"SELECT day, bytes, objects, snapshots, computers FROM account_usage WHERE account_id = @account AND deleted = 0 ORDER BY day DESC LIMIT {DaysShown}"), cancellation);
        var bytes = used.Values.Sum();
        var before = rows.FirstOrDefault(row => row.Day <= today - Growth.Days) ?? (rows.Count == 0 ? null : rows[^1]);
        var perDay = before is null ? null : Growth.PerDay(before.Day, before.Bytes, today, bytes);
        return new AccountUsageHistory(place.Name, bytes, quota.Bytes, perDay, quota.Bytes is { } most ? Growth.FullDay(bytes, most, perDay, today) : null,
            [.. computers.Select(computer => new ComputerUsage(computer.Key, computer.Value, used.GetValueOrDefault(computer.Key), quota.OfComputers.TryGetValue(computer.Key, out var own) ? own : null))],
            [.. rows.Select(row => new DayUsage(row.Day, row.Bytes, row.Objects, row.Snapshots, row.Computers))]);
    }

    /// <summary>What every account used when it was counted last; those of a store that is away are left out.</summary>
    public async Task<Dictionary<AccountId, Usage>> LastAsync(CancellationToken cancellation) => (await store.TryReadAllAsync(LastAsync, cancellation)).Aggregate(new Dictionary<AccountId, Usage>(), Merge);

    /// <summary>What every account stored on a day, or on the first on which it was counted if that is later.</summary>
    public async Task<Dictionary<AccountId, (long Day, long Bytes)?>> BeforeAsync(long day, CancellationToken cancellation) => (await store.TryReadAllAsync(async transaction =>
    {
        transaction.IsPatient = true;
        return await transaction.QueryAsync<(byte[] Id, long Day, long Bytes)>(
            $"""
            SELECT u.account_id, u.day, u.bytes FROM account_usage u
            JOIN (SELECT account_id, coalesce(max(CASE WHEN day <= @day THEN day END), min(day)) AS day FROM account_usage WHERE deleted = 0 AND {AccountTables.AtHome} GROUP BY account_id) b ON b.account_id = u.account_id AND b.day = u.day
            """, new { day });
    }, cancellation)).SelectMany(rows => rows).Aggregate(new Dictionary<AccountId, (long Day, long Bytes)?>(), (all, row) =>
    {
        all[new AccountId(row.Id)] = (row.Day, row.Bytes);
        return all;
    });

    /// <summary>Packs of all accounts; each has a shard on every drive.</summary>
    public async Task<long> CountPacksAsync(CancellationToken cancellation) => (await store.ReadAllAsync(transaction =>
    {
        transaction.IsPatient = true;
        return transaction.FindAsync<long>($"SELECT count(*) FROM objects WHERE type = 1 AND {IsStored} AND {AccountTables.AtHome}");
    }, cancellation)).Sum();

    /// <summary>An account that is being moved is counted the next day.</summary>
    private async Task KeepAsync(AccountPlace place, long day, Usage now, CancellationToken cancellation)
    {
        try
        {
            await store.WriteAsync(place, transaction => transaction.ExecuteAsync(
                """
                INSERT INTO account_usage (account_id, day, bytes, objects, snapshots, computers, version) VALUES (@account, @day, @bytes, @objects, @snapshots, @computers, @version)
                ON CONFLICT (account_id, day) DO UPDATE SET bytes = excluded.bytes, objects = excluded.objects, snapshots = excluded.snapshots, computers = excluded.computers, version = excluded.version
                """, new { day, now.Bytes, now.Objects, now.Snapshots, now.Computers }), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.Fenced)
        {
            // Its row says what was counted before.
        }
    }

    /// <summary>What each account uses as it was counted last, by name; only those of some organisations, if <paramref name="only"/> says which.</summary>
    public async Task<Page<AccountUsage>> ListAsync(IReadOnlyCollection<string>? only, Paging paging, CancellationToken cancellation)
    {
        var page = await directory.ListAsync(only, paging, cancellation);
        var usages = new List<AccountUsage>();
        foreach (var account in page.Items)
        {
            var row = await directory.FindByNameAsync(account.Name, cancellation) is { } place
                ? await store.AskAsync(place, transaction => transaction.FindAsync<Row>(
                    "SELECT day, bytes, objects, snapshots, computers FROM account_usage WHERE account_id = @account AND deleted = 0 ORDER BY day DESC LIMIT 1"), cancellation) : null;
            usages.Add(new AccountUsage(account.Account, account.Name, row?.Day, row?.Bytes ?? 0, row?.Objects ?? 0, row?.Snapshots ?? 0, row?.Computers ?? 0));
        }

        return new Page<AccountUsage>(usages, page.Next);
    }

    private static long Began(long day) => day * Month.SecondsPerDay;

    /// <summary>Reads each table once, whatever the number of accounts.</summary>
    private static async Task<Dictionary<AccountId, (Usage Now, Usage? Kept)>> CountAsync(DatabaseTransaction transaction, long began)
    {
        transaction.IsPatient = true;
        var objects = (await transaction.QueryAsync<(byte[] Id, long Count, long Bytes)>(
            $"SELECT o.account_id, {Sums} {Committed} GROUP BY o.account_id", new { began }))
            .ToDictionary(row => new AccountId(row.Id), row => (row.Count, row.Bytes));
        var snapshots = await CountsAsync(transaction, Snapshots, began);
        var computers = await CountsAsync(transaction, Computers, began);
        var kept = await LastAsync(transaction);
        return (await transaction.QueryAsync<byte[]>("SELECT account_id FROM fence WHERE state = 'open'")).Select(id => new AccountId(id)).ToDictionary(account => account, account =>
        {
            var (count, bytes) = objects.GetValueOrDefault(account);
            return (new Usage(bytes, count, snapshots.GetValueOrDefault(account), computers.GetValueOrDefault(account)), kept.GetValueOrDefault(account));
        });
    }

    private static async Task<Dictionary<AccountId, Usage>> LastAsync(DatabaseTransaction transaction)
    {
        transaction.IsPatient = true;
        return (await transaction.QueryAsync<(byte[] Id, long Bytes, long Objects, long Snapshots, long Computers)>(
            $"""
            SELECT u.account_id, u.bytes, u.objects, u.snapshots, u.computers FROM account_usage u
            JOIN (SELECT account_id, max(day) AS day FROM account_usage WHERE deleted = 0 AND {AccountTables.AtHome} GROUP BY account_id) last ON last.account_id = u.account_id AND last.day = u.day
            """)).ToDictionary(row => new AccountId(row.Id), row => new Usage(row.Bytes, row.Objects, row.Snapshots, row.Computers));
    }

    /// <summary>An account that moved between two stores' reads is in both.</summary>
    private static Dictionary<AccountId, Usage> Merge(Dictionary<AccountId, Usage> all, Dictionary<AccountId, Usage> some)
    {
        foreach (var (account, usage) in some)
        {
            all[account] = usage;
        }

        return all;
    }

    private static async Task<Dictionary<AccountId, long>> CountsAsync(DatabaseTransaction transaction, string from, long began) =>
        (await transaction.QueryAsync<(byte[] Id, long Count)>($"SELECT account_id, count(*) FROM {from} GROUP BY account_id", new { began })).ToDictionary(row => new AccountId(row.Id), row => row.Count);

    /// <summary>What is stored, and of how many computers.</summary>
    internal sealed record Usage(long Bytes, long Objects, long Snapshots, long Computers);

    private sealed record Row
    {
        public long Day { get; init; }

        public long Bytes { get; init; }

        public long Objects { get; init; }

        public long Snapshots { get; init; }

        public long Computers { get; init; }
    }
}
