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
/// <param name="Skipped">Places passed over, as nodes see it in the mean.</param>
/// <param name="Nodes">Nodes that are there.</param>
internal sealed record GateState(GateMode Mode, string? Reason, long Since, long? OpensAt, int? AtMost, IReadOnlyList<long> Cohorts, int UnderWay, long Admitted, double Skipped, int Nodes);

/// <summary>What a node has to tell the others.</summary>
internal sealed record GateNews(string Node, long Since, long Admitted, double Skipped)
{
    public IReadOnlyList<(AccountId Account, uint Computer)> Seen { get; init; } = [];

    public IReadOnlyList<(AccountId Account, uint Computer)> Ended { get; init; } = [];
}

/// <summary>The gate in the directory. Nodes tell and ask once a second; no row is written by two.</summary>
internal sealed class GateTable(IDatabase directory, TimeProvider time)
{
    private const int TurnKeyLength = 32;

    /// <summary>A backup that nothing was heard of for so long has died; its place is free.</summary>
    public static readonly TimeSpan AdmissionLife = TimeSpan.FromMinutes(30);

    /// <summary>A node that nothing was heard of for so long is gone.</summary>
    public static readonly TimeSpan NodeLife = TimeSpan.FromMinutes(1);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The key that turns are sealed with, and whether the service was away: no node was there a minute ago, but there was one once.</summary>
    public Task<(byte[] TurnKey, bool WasAway)> OpenAsync(CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync("INSERT INTO gate (name, mode, since, cohorts, turn_key) VALUES ('backups', 'open', @now, '', @key) ON CONFLICT (name) DO NOTHING",
            new { Now, key = RandomNumberGenerator.GetBytes(TurnKeyLength) });
        var seen = await transaction.FindAsync<long?>("SELECT max(seen_at) FROM gate_nodes");
        return ((await transaction.FindAsync<byte[]>("SELECT turn_key FROM gate WHERE name = 'backups'"))!,
            seen is { } last && (last < Now - (long)NodeLife.TotalSeconds || last > Now + (long)NodeLife.TotalSeconds));
    }, cancellation);

    /// <summary>Changes what the gate does, unless somebody changed it since <paramref name="expectedSince"/>; false then. A change always has a time of its own.</summary>
    public async Task<bool> ChangeAsync(GateMode mode, string? reason, long? opensAt, int? atMost, IReadOnlyList<long> cohorts, long? expectedSince, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync(
            """
            UPDATE gate SET mode = @mode, reason = @reason, opens_at = @opensAt, at_most = @atMost, cohorts = @cohorts, since = CASE WHEN since < @now THEN @now ELSE since + 1 END
            WHERE name = 'backups' AND (@expected < 0 OR since = @expected)
            """, new { mode = NameOf(mode), reason, opensAt, atMost, cohorts = string.Join(',', cohorts), Now, expected = expectedSince ?? -1 }), cancellation) == 1;

    /// <summary>Holds a ramp, or lets it go on: the order and what was let in stay.</summary>
    public async Task<bool> TurnAsync(GateMode from, GateMode to, int? atMost, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("UPDATE gate SET mode = @to, at_most = @atMost WHERE name = 'backups' AND mode = @from", new { from = NameOf(from), to = NameOf(to), atMost }), cancellation) == 1;

    /// <summary>Tells what is new and reads what the others told.</summary>
    public Task<GateState> TellAsync(GateNews news, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await transaction.ExecuteAsync(
            """
            INSERT INTO gate_nodes (node, seen_at, since, admitted, skipped) VALUES (@node, @now, @since, @admitted, @skipped)
            ON CONFLICT (node) DO UPDATE SET seen_at = excluded.seen_at, since = excluded.since, admitted = excluded.admitted, skipped = excluded.skipped
            """, new { news.Node, Now, news.Since, news.Admitted, skipped = (long)news.Skipped });
        await transaction.ExecuteEachAsync(
            "INSERT INTO admissions (account_id, computer, seen_at) VALUES (@id, @computer, @now) ON CONFLICT (account_id, computer) DO UPDATE SET seen_at = excluded.seen_at",
            [.. news.Seen.Order(Placed.Order).Select(item => new { id = item.Account.ToArray(), item.Computer, Now })]);
        await transaction.ExecuteEachAsync("DELETE FROM admissions WHERE account_id = @id AND computer = @computer", [.. news.Ended.Order(Placed.Order).Select(item => new { id = item.Account.ToArray(), item.Computer })]);
        await transaction.ExecuteAsync("DELETE FROM admissions WHERE seen_at < @dead OR seen_at > @never", new { dead = Now - (long)AdmissionLife.TotalSeconds, never = Now + (long)AdmissionLife.TotalSeconds });
        await transaction.ExecuteAsync("DELETE FROM gate_nodes WHERE seen_at < @gone AND since < (SELECT since FROM gate WHERE name = 'backups')", new { gone = Now - (long)NodeLife.TotalSeconds });
        return await ReadAsync(transaction);
    }, cancellation);

    public Task<GateState> ReadAsync(CancellationToken cancellation) => directory.ReadAsync(ReadAsync, cancellation);

    /// <summary>Whether a computer's backup is under way, whichever node let it in.</summary>
    public async Task<bool> IsUnderWayAsync(AccountId account, uint computer, CancellationToken cancellation) => await directory.ReadAsync(transaction =>
        transaction.FindAsync<long?>("SELECT seen_at FROM admissions WHERE account_id = @id AND computer = @computer", new { id = account.ToArray(), computer }), cancellation) is not null;

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
        var nodes = await transaction.QueryAsync<NodeRow>("SELECT seen_at AS SeenAt, since, admitted, skipped FROM gate_nodes WHERE seen_at > @alive OR since = @since", new { alive = Now - (long)NodeLife.TotalSeconds, row.Since });
        var present = nodes.Where(node => Math.Abs(node.SeenAt - Now) < (long)NodeLife.TotalSeconds).ToList();
        return new GateState(
            TryParse(row.Mode) ?? GateMode.Closed, row.Reason, row.Since, row.OpensAt, (int?)row.AtMost,
            row.Cohorts.Length == 0 ? [] : [.. row.Cohorts.Split(',').Select(count => long.Parse(count, CultureInfo.InvariantCulture))],
            (int)await transaction.FindAsync<long>("SELECT count(*) FROM admissions"),
            nodes.Where(node => node.Since == row.Since).Sum(node => node.Admitted),
            present.Where(node => node.Since == row.Since).Select(node => (double)node.Skipped).DefaultIfEmpty().Average(),
            Math.Max(1, present.Count));
    }

    private sealed record GateRow(string Mode, string? Reason, long Since, long? OpensAt, long? AtMost, string Cohorts);

    private sealed record NodeRow(long SeenAt, long Since, long Admitted, long Skipped);

    /// <summary>All nodes lock rows in the same order.</summary>
    private static class Placed
    {
        public static readonly IComparer<(AccountId Account, uint Computer)> Order = Comparer<(AccountId Account, uint Computer)>.Create((a, b) =>
            a.Account.ToArray().AsSpan().SequenceCompareTo(b.Account.ToArray()) is var order and not 0 ? order : a.Computer.CompareTo(b.Computer));
    }
}
