using System.Globalization;
using System.Security.Cryptography;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Admitting;

/// <summary>The gate as all nodes read it.</summary>
/// <param name="Mode">What it does.</param>
/// <param name="Reason">Why.</param>
/// <param name="Since">When it was changed last; a bring-up began then, if it ramps.</param>
/// <param name="OpensAt">When it is expected to open.</param>
/// <param name="AtMost">The operator's limit of backups at once.</param>
/// <param name="Cohorts">Computers of each cohort, while it ramps or is held.</param>
/// <param name="UnderWay">Backups under way.</param>
/// <param name="Admitted">Computers let in since, by all nodes.</param>
/// <param name="SkippedElsewhere">Places passed over by other nodes.</param>
/// <param name="IsContendedElsewhere">Whether another node refused somebody for want of a place, within a minute.</param>
/// <param name="Nodes">Nodes that are there.</param>
/// <param name="WasAway">Nobody told anything for so long that the service was away.</param>
internal sealed record GateState(
    GateMode Mode, string? Reason, long Since, long? OpensAt, int? AtMost, IReadOnlyList<long> Cohorts, int UnderWay, long Admitted, double SkippedElsewhere, bool IsContendedElsewhere, int Nodes, bool WasAway = false);

/// <summary>A backup, and when (Unix milliseconds) something happened to it.</summary>
internal readonly record struct BackupMoment(AccountId Account, uint Computer, long At);

/// <summary>What a node has to tell the others.</summary>
/// <param name="Since">The change of the gate that its counts are of.</param>
/// <param name="Admitted">Computers let in since.</param>
/// <param name="Skipped">Places passed over since.</param>
/// <param name="BusyAt">When it refused somebody for want of a place, Unix seconds.</param>
internal sealed record GateNews(long Since, long Admitted, double Skipped, long BusyAt)
{
    /// <summary>Backups that were let in.</summary>
    public IReadOnlyList<BackupMoment> Entered { get; init; } = [];

    /// <summary>Backups that go on.</summary>
    public IReadOnlyList<BackupMoment> GoingOn { get; init; } = [];

    /// <summary>Backups that have ended.</summary>
    public IReadOnlyList<BackupMoment> Ended { get; init; } = [];

    /// <summary>Computers that were told to wait for their turn.</summary>
    public IReadOnlyList<BackupMoment> Waiting { get; init; } = [];
}

/// <summary>Computers that asked for a turn while the gate was not open.</summary>
/// <param name="Accounts">Whose they are.</param>
/// <param name="Computers">How many.</param>
/// <param name="Waiting">Of them, those that were not let in until then.</param>
/// <param name="AverageSeconds">How long those waited who were let in.</param>
/// <param name="LongestSeconds">How long the longest of them waited.</param>
internal sealed record GateWaits(long Accounts, long Computers, long Waiting, long AverageSeconds, long LongestSeconds);

/// <summary>The gate in the directory. Nodes tell and ask once a second; each writes a row of its own, and those of the backups that it has to do with.</summary>
internal sealed class GateTable(IDatabase directory, string node, NodeFacts facts, TimeProvider time)
{
    private const int TurnKeyLength = 32;

    /// <summary>A backup that nothing was heard of for so long has died; its place is free.</summary>
    public static readonly TimeSpan AdmissionLife = TimeSpan.FromMinutes(30);

    /// <summary>A node that nothing was heard of for so long is gone.</summary>
    public static readonly TimeSpan NodeLife = TimeSpan.FromMinutes(1);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The key that turns are sealed with, made at the first start.</summary>
    public Task<byte[]> OpenAsync(CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync("INSERT INTO gate (name, mode, since, cohorts, turn_key) VALUES ('backups', 'open', @now, '', @key) ON CONFLICT (name) DO NOTHING",
            new { Now, key = RandomNumberGenerator.GetBytes(TurnKeyLength) });
        return (await transaction.FindAsync<byte[]>("SELECT turn_key FROM gate WHERE name = 'backups'"))!;
    }, cancellation);

    /// <summary>Changes what the gate does, unless somebody changed it since <paramref name="expectedSince"/>; false then. A change always has a time of its own, later than the one before.</summary>
    public async Task<bool> ChangeAsync(GateMode mode, string? reason, long? opensAt, int? atMost, long since, IReadOnlyList<long> cohorts, long? expectedSince, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync(
            """
            UPDATE gate SET mode = @mode, reason = @reason, opens_at = @opensAt, at_most = @atMost, cohorts = @cohorts, since = @since
            WHERE name = 'backups' AND since < @since AND (@expected < 0 OR since = @expected)
            """, new { mode = NameOf(mode), reason, opensAt, atMost, cohorts = string.Join(',', cohorts), since, expected = expectedSince ?? -1 }), cancellation) == 1;

    /// <summary>Says of a gate that was closed for a reason, to open at some time, when that is expected now; what is hardly another time is left.</summary>
    public static Task<int> ExpectAsync(DatabaseTransaction transaction, string reason, long opensAt, long now) =>
        transaction.ExecuteAsync("UPDATE gate SET opens_at = @opensAt WHERE name = 'backups' AND mode = 'closed' AND reason = @reason AND abs(opens_at - @opensAt) > @little", new { reason, opensAt, little = Math.Max(1, (opensAt - now) / 20) });

    /// <summary>Holds a ramp, or lets it go on: the order and what was let in stay.</summary>
    public async Task<bool> TurnAsync(GateMode from, GateMode to, int? atMost, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("UPDATE gate SET mode = @to, at_most = @atMost WHERE name = 'backups' AND mode = @from", new { from = NameOf(from), to = NameOf(to), atMost }), cancellation) == 1;

    /// <summary>Tells what is new and reads what the others told.</summary>
    public Task<GateState> TellAsync(GateNews news, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var seen = await transaction.FindAsync<long?>("SELECT max(seen_at) FROM gate_nodes WHERE seen_at < @future", new { future = Now + (long)NodeLife.TotalSeconds });
        await transaction.ExecuteAsync(
            """
            INSERT INTO gate_nodes (node, seen_at, since, admitted, skipped, busy_at, schemas, stores, next_directory) VALUES (@node, @now, @since, @admitted, @skipped, @busyAt, @schemas, @stores, @next)
            ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, since = excluded.since, admitted = excluded.admitted, skipped = excluded.skipped, busy_at = excluded.busy_at,
                schemas = excluded.schemas, stores = excluded.stores, next_directory = excluded.next_directory, stopped_at = 0
            """, new { node, Now, news.Since, news.Admitted, skipped = (long)news.Skipped, news.BusyAt, facts.Schemas, stores = string.Join(',', facts.Stores), next = facts.NextDirectory });

        // A backup is under way if it was let in after it ended last, in whichever order nodes tell.
        await EachAsync(transaction,
            """
            INSERT INTO admissions (account_id, computer, entered_at, ended_at, seen_at) VALUES (@id, @computer, @at, 0, @now)
            ON CONFLICT (account_id, computer) DO UPDATE SET entered_at = CASE WHEN admissions.entered_at < excluded.entered_at THEN excluded.entered_at ELSE admissions.entered_at END, seen_at = excluded.seen_at
            """, news.Entered);
        await EachAsync(transaction,
            """
            INSERT INTO gate_waits (account_id, computer, asked_at) SELECT @id, @computer, @at / 1000
            WHERE NOT EXISTS (SELECT 1 FROM gate_waits WHERE account_id = @id AND computer = @computer AND admitted_at IS NULL AND asked_at > (@at / 1000) - 172800)
              AND NOT EXISTS (SELECT 1 FROM admissions WHERE account_id = @id AND computer = @computer AND entered_at >= @at)
            ON CONFLICT DO NOTHING
            """, news.Waiting);
        await EachAsync(transaction, "UPDATE gate_waits SET admitted_at = @at / 1000 WHERE account_id = @id AND computer = @computer AND admitted_at IS NULL", news.Entered);
        await EachAsync(transaction, "UPDATE admissions SET seen_at = @now WHERE account_id = @id AND computer = @computer", news.GoingOn);
        await EachAsync(transaction,
            """
            INSERT INTO admissions (account_id, computer, entered_at, ended_at, seen_at) VALUES (@id, @computer, 0, @at, @now)
            ON CONFLICT (account_id, computer) DO UPDATE SET ended_at = CASE WHEN admissions.ended_at < excluded.ended_at THEN excluded.ended_at ELSE admissions.ended_at END
            """, news.Ended);
        await transaction.ExecuteAsync("DELETE FROM admissions WHERE seen_at < @dead OR seen_at > @never OR (seen_at < @ended AND ended_at >= entered_at)", new
        {
            dead = Now - (long)AdmissionLife.TotalSeconds, never = Now + (long)AdmissionLife.TotalSeconds, ended = Now - (long)NodeLife.TotalSeconds,
        });
        await transaction.ExecuteAsync("DELETE FROM gate_nodes WHERE seen_at < @gone AND since < (SELECT since FROM gate WHERE name = 'backups')", new { gone = Now - (long)NodeLife.TotalSeconds });
        return await ReadAsync(transaction) with { WasAway = !(seen >= Now - (long)NodeLife.TotalSeconds) };
    }, cancellation);

    /// <summary>Says that this node is stopping: nobody waits for it to go along with anything.</summary>
    public Task LeaveAsync(CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE gate_nodes SET stopped_at = @now WHERE node = @node", new { node, Now }), cancellation);

    public Task<GateState> ReadAsync(CancellationToken cancellation) => directory.ReadAsync(ReadAsync, cancellation);

    /// <summary>Whether a computer's backup is under way, whichever node let it in.</summary>
    public async Task<bool> IsUnderWayAsync(AccountId account, uint computer, CancellationToken cancellation) => await directory.AskAsync(transaction =>
        transaction.FindAsync<long?>("SELECT seen_at FROM admissions WHERE account_id = @id AND computer = @computer AND ended_at < entered_at", new { id = account.ToArray(), computer }), cancellation) is not null;

    /// <summary>How many backups are under way that were let in before a moment (seconds since 1970).</summary>
    public Task<long> CountEnteredBeforeAsync(long at, CancellationToken cancellation) => directory.AskAsync(transaction =>
        transaction.FindAsync<long>("SELECT count(*) FROM admissions WHERE ended_at < entered_at AND entered_at < @at", new { at = at * 1000 }), cancellation);

    /// <summary>Who asked for a turn in a time (seconds since 1970), and how long they waited.</summary>
    public Task<GateWaits> WaitsAsync(long from, long until, CancellationToken cancellation) => directory.AskAsync(async transaction =>
    {
        var (accounts, computers, waiting, sum, longest) = await transaction.FindAsync<(long, long, long, long, long)>(
            """
            SELECT count(DISTINCT account_id), count(*), CAST(coalesce(sum(is_open), 0) AS BIGINT), CAST(coalesce(sum(waited), 0) AS BIGINT), coalesce(max(longest), 0) FROM (
                SELECT account_id, computer, max(CASE WHEN admitted_at <= @until THEN 0 ELSE 1 END) AS is_open,
                    sum(CASE WHEN admitted_at <= @until THEN admitted_at - asked_at ELSE 0 END) AS waited, max(CASE WHEN admitted_at <= @until THEN admitted_at - asked_at ELSE 0 END) AS longest
                FROM gate_waits WHERE asked_at >= @from AND asked_at <= @until GROUP BY account_id, computer) AS waits
            """, new { from, until });
        return new GateWaits(accounts, computers, waiting, computers > waiting ? sum / (computers - waiting) : 0, longest);
    }, cancellation);

    public static string NameOf(GateMode mode) => mode switch
    {
        GateMode.Open => "open",
        GateMode.Closed => "closed",
        GateMode.Ramp => "ramp",
        _ => "held",
    };

    public static GateMode? TryParse(string mode) => Enum.GetValues<GateMode>().Cast<GateMode?>().FirstOrDefault(value => NameOf(value!.Value) == mode);

    private async Task<GateState> ReadAsync(DatabaseTransaction transaction)
    {
        var row = (await transaction.FindAsync<GateRow>("SELECT mode, reason, since, opens_at AS OpensAt, at_most AS AtMost, cohorts FROM gate WHERE name = 'backups'"))!;
        var nodes = await transaction.QueryAsync<NodeRow>("SELECT node, seen_at AS SeenAt, since, admitted, skipped, busy_at AS BusyAt, stopped_at AS StoppedAt FROM gate_nodes");
        var others = nodes.Where(row => row.Node != node).ToList();
        return new GateState(
            TryParse(row.Mode) ?? GateMode.Closed, row.Reason, row.Since, row.OpensAt, (int?)row.AtMost,
            row.Cohorts.Length == 0 ? [] : [.. row.Cohorts.Split(',').Select(count => long.Parse(count, CultureInfo.InvariantCulture))],
            (int)await transaction.FindAsync<long>("SELECT count(*) FROM admissions WHERE ended_at < entered_at"),
            nodes.Where(node => node.Since == row.Since).Sum(node => node.Admitted),
            others.Where(node => node.Since == row.Since).Sum(node => (double)node.Skipped),
            others.Any(node => IsRecent(node.BusyAt)),
            others.Count(node => node.StoppedAt < node.SeenAt && IsRecent(node.SeenAt)) + 1);
    }

    private bool IsRecent(long seconds) => Math.Abs(seconds - Now) < (long)NodeLife.TotalSeconds;

    /// <summary>In the order of the keys: two nodes that change the same rows do not wait for each other.</summary>
    private Task<int> EachAsync(DatabaseTransaction transaction, string sql, IReadOnlyList<BackupMoment> backups) => transaction.ExecuteEachAsync(
        sql, [.. backups.OrderBy(backup => backup.Account.ToString(), StringComparer.Ordinal).ThenBy(backup => backup.Computer).Select(backup => new { id = backup.Account.ToArray(), backup.Computer, backup.At, Now })]);

    private sealed record GateRow(string Mode, string? Reason, long Since, long? OpensAt, long? AtMost, string Cohorts);

    private sealed record NodeRow(string Node, long SeenAt, long Since, long Admitted, long Skipped, long BusyAt, long StoppedAt);
}
