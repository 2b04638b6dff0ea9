using System.Text.Json;
using System.Text.RegularExpressions;
using Holdfast.Tests;

namespace Holdfast.Scenarios.Tests;

/// <summary>PostgreSQL explains every statement that the service runs: none that a request waits for reads a whole table.</summary>
public sealed partial class QueryPlanTests : Scenario
{
    /// <summary>Statements that look at everything, and why they may: the beginning of each.</summary>
    private static readonly (string Statement, string Why)[] _whole =
    [
        ("SELECT account_id, count(*)", "the day's sample reads each table once"),
        ("SELECT u.account_id, u.bytes", "the day's sample"),
        ("SELECT account_id FROM fence", "the day's sample"),
        ("SELECT count(*) FROM objects WHERE type = 1", "the day's sample"),
        ("SELECT count(*) FROM accounts", "the day's sample"),
        ("SELECT count(*) FROM devices WHERE revoked = 0", "the day's sample"),
        ("SELECT metric, subject, day", "the day's sample thins out the history"),
        ("DELETE FROM samples", "the day's sample thins out the history"),
        ("SELECT CAST(coalesce(sum(length), 0)", "a verification says how much it will read"),
        ("SELECT account_id FROM snapshots WHERE on_pod = 0 UNION", "at start: an index of only what a crash kept from its pod"),
        ("SELECT account_id FROM closures", "at start: an index of only the closures that have not ended"),
        ("SELECT kind, count(*) AS Accounts", "an operator asks about the proofs of all accounts"),
        ("SELECT kind, number, oldest", "one row"),
        ("SELECT number, oldest", "one row for each kind of database"),
        ("SELECT value FROM store_marks", "one row"),
        ("SELECT hash FROM audit_end", "one row"),
        ("UPDATE audit_end", "one row"),
        ("SELECT c.relname", "the server's own tables"),
        ("INSERT INTO objects (account_id, number, session, computer, state, type", "this test's own"),
        ("DELETE FROM jobs WHERE state = 'done'", "a thousand rows are kept"),
    ];

    private const int RowsMore = 2000;

    private PostgresCluster _cluster = null!;

    private protected override async Task<Service> StartServiceAsync()
    {
        _cluster = await PostgresCluster.StartAsync(Cancellation, "session_preload_libraries=auto_explain", "auto_explain.log_min_duration=0", "auto_explain.log_analyze=on", "auto_explain.log_timing=off", "enable_seqscan=off", "log_line_prefix=%d ");
        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new
        {
            directory = await _cluster.NewDatabaseAsync("directory", Cancellation),
            stores = new Dictionary<string, string> { ["main"] = await _cluster.NewDatabaseAsync("accounts", Cancellation) },
        }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    [Fact]
    public async Task No_statement_that_somebody_waits_for_reads_a_whole_table()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree", files: 10);
        await computer.MustAsync(Cancellation, "backup", tree);
        await EnrolAsync("two", "account", await Service.NewCodeAsync("account", Cancellation));

        // As if the account had stored and kept much more: what is looked at must not grow with it.
        Assert.Equal(RowsMore, Service.Sql($"""
            INSERT INTO objects (account_id, number, session, computer, state, type, length, tables_offset, frames, checksum, receipt, indexed, touched, version)
            SELECT account_id, 10000000 + n, 1, 1, 'deleted', 1, 16000000, 1000, 16, checksum, receipt, 1, 1, 1 FROM objects, generate_series(1, {RowsMore}) n WHERE number = (SELECT min(number) FROM objects WHERE receipt IS NOT NULL)
            """));
        await File.WriteAllTextAsync(Path.Combine(tree, "new"), "new", Cancellation);
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "snapshots");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.MustAsync(Cancellation, "check");
        await computer.MustAsync(Cancellation, "drill", "--files", "3");
        Assert.Equal(0, (await Service.OperateAsync(["pod", "verify"], Cancellation)).ExitCode);
        await UsePeopleAsync();
        await Service.KillAsync(Cancellation);

        var plans = Plans(await File.ReadAllTextAsync(_cluster.LogFile, Cancellation)).Where(plan => !(plan.Statement + plan.Plan).Contains("pg_type", StringComparison.Ordinal)).ToList();
        Assert.True(plans.Count > 300, $"{plans.Count} statements were explained");
        var whole = plans.Where(plan => (ReadsWholeTable(plan.Plan) || ReadsInVain(plan.Plan)) && !_whole.Any(allowed => plan.Statement.StartsWith(allowed.Statement, StringComparison.Ordinal)))
            .Select(plan => $"{plan.Statement}\n{plan.Plan}").Distinct().ToList();
        Assert.True(whole.Count == 0, string.Join("\n\n", whole));
    }

    [Fact]
    public async Task A_statement_without_an_index_would_be_found()
    {
        var database = await _cluster.NewDatabaseAsync("other", Cancellation);
        await _cluster.AskAsync(database, "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, other TEXT); CREATE INDEX named ON things (name)", Cancellation);
        foreach (var (statement, reads) in new[] { ("SELECT 1 FROM things WHERE id = 3", false), ("SELECT 1 FROM things WHERE name = 'a'", false), ("SELECT 1 FROM things WHERE other = 'a'", true), ("SELECT id FROM things ORDER BY id", true), ("UPDATE things SET name = 'b' WHERE other = 'a'", true) })
        {
            await _cluster.AskAsync(database, statement, Cancellation);
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            string? plan;
            while ((plan = Plans(await File.ReadAllTextAsync(_cluster.LogFile, Cancellation)).LastOrDefault(plan => plan.Statement == statement).Plan) is null)
            {
                await timer.WaitForNextTickAsync(Cancellation);
            }

            Assert.Equal((statement, reads), (statement, ReadsWholeTable(plan)));
        }
    }

    private async Task UsePeopleAsync()
    {
        using var operating = new ApiCaller(Service.Url, (await File.ReadAllTextAsync(Path.Combine(Service.Data, "operator-token"), Cancellation)).Trim());
        using var anybody = new ApiCaller(Service.Url);
        async Task<ApiCaller> JoinAsync(string email, string role, string path)
        {
            var code = (await operating.PostAsync(path, new { email, role })).Text("code");
            return new ApiCaller(Service.Url, (await anybody.PostAsync("/v1/people", new { code, name = email, password = "correct horse battery" })).Text("token"));
        }

        using var admin = await JoinAsync("admin@example.org", "admin", "/v1/operators/invitations");
        var organisation = (await admin.PostAsync("/v1/organisations", new { name = "Firm" })).Text("organisation");
        using var owner = await JoinAsync("owner@example.org", "owner", $"/v1/organisations/{organisation}/invitations");
        Assert.Equal(200, (await admin.PutAsync("/v1/accounts/account/organisation", new { organisation })).Status);
        Assert.Equal(200, (await anybody.PostAsync("/v1/sign-ins", new { email = "owner@example.org", password = "correct horse battery" })).Status);
        Assert.Equal(401, (await anybody.PostAsync("/v1/sign-ins", new { email = "nobody@example.org", password = "correct horse battery" })).Status);
        var made = await owner.PostAsync("/v1/me/tokens", new { name = "script", scopes = new[] { "list_accounts" }, days = 3 });
        using var token = new ApiCaller(Service.Url, made.Text("token"));
        foreach (var (caller, path) in new[]
        {
            (token, "/v1/accounts"), (owner, "/v1/accounts"), (owner, "/v1/usage"), (owner, "/v1/organisations"), (owner, $"/v1/organisations/{organisation}/members"), (owner, "/v1/me"), (owner, "/v1/me/sign-ins"),
            (owner, "/v1/me/tokens"), (owner, "/v1/me/passkeys"), (owner, "/v1/accounts/account/computers"), (admin, "/v1/accounts"), (admin, "/v1/people"), (admin, "/v1/jobs"), (admin, "/v1/usage"), (admin, "/v1/growth"),
            (admin, "/v1/growth?metric=rows"), (admin, "/v1/audit"), (admin, "/v1/proofs"), (admin, "/v1/verifications/latest"), (admin, "/v1/operators"), (admin, "/v1/organisations"),
        })
        {
            Assert.Equal((path, 200), (path, (await caller.GetAsync(path)).Status));
        }

        Assert.Equal(200, (await anybody.PostAsync("/v1/passkey-challenges")).Status);
        Assert.Equal(200, (await owner.PutAsync("/v1/me/password", new { @new = "another long password" })).Status);
        Assert.Equal(200, (await owner.PostAsync("/v1/me/authenticator")).Status);
        Assert.Equal(200, (await admin.PutAsync("/v1/accounts/account/suspension", new { suspended = true })).Status);
        Assert.Equal(200, (await admin.PatchAsync("/v1/accounts/account", new { name = "renamed" })).Status);
    }

    /// <summary>Statements and their plans, as auto_explain writes them.</summary>
    private static List<(string Statement, string Plan)> Plans(string log) => [.. Explained().Matches(log).Select(match =>
        (Spaces().Replace(match.Groups["statement"].Value, " ").Trim(), match.Groups["plan"].Value.TrimEnd()))];

    /// <summary>A scan of a table, or of an index from one end to the other: it has no condition on the index. (A condition on an index's second column alone is not told from a good one.)</summary>
    private static bool ReadsWholeTable(string plan)
    {
        var lines = plan.Split('\n').Select(line => line.Trim()).ToList();
        return lines.Select((line, number) => (line, number)).Any(item => item.line.Contains("Seq Scan on", StringComparison.Ordinal)
            || (ScansIndex().IsMatch(item.line) && !lines.Skip(item.number + 1).TakeWhile(line => !line.Contains("(cost=", StringComparison.Ordinal)).Any(line => line.StartsWith("Index Cond:", StringComparison.Ordinal))));
    }

    /// <summary>Rows that were read and are none of those that were asked for: as many as an account may have.</summary>
    private static bool ReadsInVain(string plan) => RowsRemoved().Matches(plan).Any(match => int.Parse(match.Groups[1].ValueSpan, System.Globalization.CultureInfo.InvariantCulture) >= RowsMore / 2);

    [GeneratedRegex(@"Rows Removed by Filter: (\d+)")]
    private static partial Regex RowsRemoved();

    [GeneratedRegex(@"LOG:  duration: [\d.]+ ms  plan:\n\tQuery Text: (?<statement>(?:[^\n]*\n(?:\t(?![A-Z][A-Za-z ]+  ?\(|[A-Z][A-Za-z ]+ (?:on|using) )[^\n]*\n)*))(?<plan>(?:\t[^\n]*\n)+)")]
    private static partial Regex Explained();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    [GeneratedRegex(@"(Index Scan|Index Only Scan|Bitmap Index Scan) (using|on|Backward)")]
    private static partial Regex ScansIndex();
}
