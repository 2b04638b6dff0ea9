using System.Text.Json;
using System.Text.RegularExpressions;
using Holdfast.Tests;

namespace Holdfast.Scenarios.Tests;

/// <summary>A PostgreSQL that explains every statement, and what is wrong with the plans.</summary>
internal sealed partial class ExplainingPostgres : IAsyncDisposable
{
    /// <summary>So many rows that were read in vain are as many as an account may have.</summary>
    public const int RowsMany = 1000;

    /// <summary>Statements that look at everything, and why they may: the beginning of each.</summary>
    private static readonly (string Statement, string Why)[] _whole =
    [
        ("SELECT account_id, count(*)", "the day's sample reads each table once"),
        ("SELECT o.account_id, count(*)", "the day's sample reads each table once"),
        ("SELECT u.account_id, u.bytes", "the day's sample"),
        ("SELECT account_id FROM fence", "the day's sample"),
        ("SELECT count(*) FROM objects WHERE type = 1", "the day's sample"),
        ("SELECT count(*) FROM accounts", "the day's sample"),
        ("SELECT count(*) FROM devices WHERE revoked = 0", "the day's sample"),
        ("SELECT metric, subject, day", "the day's sample thins out the history"),
        ("DELETE FROM samples", "the day's sample thins out the history"),
        ("SELECT CAST(coalesce(sum(length), 0)", "a verification says how much it will read"),
        ("SELECT account_id FROM (SELECT account_id FROM snapshots WHERE on_pod = 0 UNION", "at start: an index of only what a crash kept from its pod"),
        ("SELECT account_id FROM closures", "at start: an index of only the closures that have not ended"),
        ("SELECT kind, count(*) AS Accounts", "an operator asks about the proofs of all accounts"),
        ("SELECT kind, number, oldest", "one row"),
        ("UPDATE windows SET first_back_by = back_by", "an upgrade of the schema, once"),
        ("SELECT component, probed_at", "one row for each component"),
        ("SELECT incident_id AS Id", "an index of only the incidents that are open"),
        ("SELECT incident_id FROM incidents WHERE closed_at IS NULL", "the same"),
        ("SELECT count(*) FROM incidents WHERE closed_at IS NULL", "the same"),
        ("SELECT window_id FROM rehearsals WHERE state IN", "an index of only the rehearsals that are under way"),
        ("DELETE FROM gate_waits", "once a day"),
        ("DELETE FROM rehearsals WHERE ended_at", "once a day"),
        ("SELECT nspname FROM pg_namespace", "the server's own tables"),
        ("SELECT number, oldest", "one row for each kind of database"),
        ("SELECT value FROM store_marks", "one row"),
        ("SELECT hash FROM audit_end", "one row"),
        ("UPDATE audit_end", "one row"),
        ("SELECT c.relname", "the server's own tables"),
        ("INSERT INTO objects (account_id, number, session, computer, state, type", "this test's own"),
        ("SELECT name, url, created_at, seen_at FROM restorers", "one row for each restorer that there is"),
        ("SELECT name, url, keys FROM restorers", "the same"),
        ("SELECT fingerprint, public_key", "one row for each escrow key there ever was"),
        ("UPDATE closures SET days_left = (closes_at", "an upgrade of the schema, once"),
        ("UPDATE closures SET closes_at = 1", "a test's own"),
        ("UPDATE accounts SET closes_at = 1", "a test's own"),
        ("UPDATE closures SET name = name", "a test's own"),
        ("SELECT tree, number, settings", "one row for each tree whose permissions were changed"),
        ("SELECT move_id FROM moves WHERE state NOT IN", "at start: one row for each move that there was"),
        ("SELECT account_id, state, epoch, attempt FROM fence", "a restored copy of the databases, once"),
        ("SELECT account_id, home, epoch, move_state", "a restored copy of the databases, once"),
        ("UPDATE moves SET state = 'ended'", "a restored copy of the databases, once"),
        ("SELECT node, seen_at AS SeenAt, since, admitted", "one row for each node that is there"),
        ("SELECT max(seen_at) FROM gate_nodes", "one row for each node that was there"),
        ("SELECT count(*) FROM admissions", "backups under way, no more than the service bears"),
        ("SELECT ($1 - last_backup_at) / ", "a bring-up begins: once after an outage"),
        ("SELECT kind, count(*), max(failure) FROM jobs", "an index of only the jobs that are stuck"),
        ("SELECT recipient, max(failure) FROM outbox b", "an index of only the mail that came back"),
        ("SELECT window_id AS Id, name, plan, state, starts_at AS StartsAt, planned_at AS PlannedAt, planned_by AS PlannedBy, announced_at AS AnnouncedAt", "an index of only the windows that have not ended"),
        ("SELECT count(*) FROM windows WHERE state NOT IN", "the same"),
        ("SELECT kind, count(*) FROM proofs p WHERE damages", "an index of only what was damaged"),
        ("DELETE FROM webhooks", "a hundred rows at most"),
        ("DELETE FROM prepared_restores WHERE created_at", "the day's tidying"),
        ("DELETE FROM mail_choices", "the day's tidying"),
        ("SELECT webhook_id, url, failure FROM webhooks", "a hundred rows at most"),
        ("SELECT count(*) FROM webhooks", "the same"),
        ("SELECT w.webhook_id", "the same"),
        ("SELECT webhook_id, topics", "the same"),
        ("SELECT email FROM people WHERE operator_role", "an alert is told"),
        ("SELECT count(*) FROM accounts WHERE escrow_key", "four times a day, how many drills are due"),
        ("SELECT a.account_id FROM accounts a LEFT JOIN drills", "the same"),
        ("DELETE FROM jobs WHERE state = 'done'", "a thousand rows are kept"),
    ];

    private readonly PostgresCluster _cluster;

    private ExplainingPostgres(PostgresCluster cluster) => _cluster = cluster;

    public PostgresCluster Cluster => _cluster;

    public static async Task<ExplainingPostgres> StartAsync(CancellationToken cancellation) => new(await PostgresCluster.StartAsync(cancellation,
        "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_analyze=on", "auto_explain.log_timing=off", "enable_seqscan=off", "log_line_prefix=%d "));

    /// <summary>Has the service whose folder is <paramref name="data"/> keep everything here.</summary>
    /// <param name="data">Its folder.</param>
    /// <param name="more">What else its configuration says.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task ConfigureAsync(string data, IEnumerable<KeyValuePair<string, object>> more, CancellationToken cancellation)
    {
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new Dictionary<string, object>(more)
        {
            ["directory"] = await _cluster.NewDatabaseAsync("directory", cancellation), ["stores"] = new Dictionary<string, string> { ["main"] = await _cluster.NewDatabaseAsync("accounts", cancellation) },
        }), cancellation);
    }

    /// <summary>Statements that read a whole table or many rows in vain, and have no reason to; there must have been some statements.</summary>
    public async Task<IReadOnlyList<string>> FindWholeAsync(int statementsMin, CancellationToken cancellation)
    {
        var plans = (await PlansAsync(cancellation)).Where(plan => !(plan.Statement + plan.Plan).Contains("pg_type", StringComparison.Ordinal)).ToList();
        Assert.True(plans.Count > statementsMin, $"{plans.Count} statements were explained");
        return [.. plans.Where(plan => (ReadsWholeTable(plan.Plan) || ReadsInVain(plan.Plan)) && !CopiesTable().IsMatch(plan.Statement) && !_whole.Any(allowed => plan.Statement.StartsWith(allowed.Statement, StringComparison.Ordinal)))
            .Select(plan => $"{plan.Statement}\n{plan.Plan}").Distinct()];
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    /// <summary>Statements and their plans, as auto_explain writes them.</summary>
    public async Task<IReadOnlyList<(string Statement, string Plan)>> PlansAsync(CancellationToken cancellation) => [.. Explained().Matches(await File.ReadAllTextAsync(_cluster.LogFile, cancellation)).Select(match =>
        (Spaces().Replace(match.Groups["statement"].Value, " ").Trim(), match.Groups["plan"].Value.TrimEnd()))];

    /// <summary>A scan of a table, or of an index from one end to the other: it has no condition on the index. (A condition on an index's second column alone is not told from a good one.)</summary>
    public static bool ReadsWholeTable(string plan)
    {
        var lines = plan.Split('\n').Select(line => line.Trim()).ToList();
        return lines.Select((line, number) => (line, number)).Any(item => item.line.Contains("Seq Scan on", StringComparison.Ordinal)
            || (ScansIndex().IsMatch(item.line) && !lines.Skip(item.number + 1).TakeWhile(line => !line.Contains("(cost=", StringComparison.Ordinal)).Any(line => line.StartsWith("Index Cond:", StringComparison.Ordinal))));
    }

    /// <summary>Rows that were read and are none of those that were asked for: as many as an account may have.</summary>
    private static bool ReadsInVain(string plan) => RowsRemoved().Matches(plan).Any(match => int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) >= RowsMany);

    /// <summary>A self-backup copies every row.</summary>
    [GeneratedRegex(@"^SELECT \* FROM \w+$")]
    private static partial Regex CopiesTable();

    [GeneratedRegex(@"Rows Removed by Filter: (\d+)")]
    private static partial Regex RowsRemoved();

    [GeneratedRegex(@"LOG:  duration: [\d.]+ ms  plan:\n\tQuery Text: (?<statement>(?:[^\n]*\n(?:\t(?![A-Z][A-Za-z ]+  ?\(|[A-Z][A-Za-z ]+ (?:on|using) )[^\n]*\n)*))(?<plan>(?:\t[^\n]*\n)+)")]
    private static partial Regex Explained();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"(Index Scan|Index Only Scan|Bitmap Index Scan) (using|on|Backward)")]
    private static partial Regex ScansIndex();
}
