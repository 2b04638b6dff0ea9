
namespace Holdfast.Scenarios.Tests;

/// <summary>PostgreSQL explains every statement that the service runs: none that a request waits for reads a whole table.</summary>
public sealed partial class QueryPlanTests : Scenario
{
    private const int RowsMore = 2 * ExplainingPostgres.RowsMany;

    private ExplainingPostgres _postgres = null!;

    private protected override async Task<Service> StartServiceAsync()
    {
        _postgres = await ExplainingPostgres.StartAsync(Cancellation);
        await _postgres.ConfigureAsync(Path.Combine(Root, "service"), [], Cancellation);
        return await Service.StartAsync(Path.Combine(Root, "service"), Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await _postgres.DisposeAsync();
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

        var whole = await _postgres.FindWholeAsync(300, Cancellation);
        Assert.True(whole.Count == 0, string.Join("\n\n", whole));
    }

    [Fact]
    public async Task A_statement_without_an_index_would_be_found()
    {
        var database = await _postgres.Cluster.NewDatabaseAsync("other", Cancellation);
        await _postgres.Cluster.AskAsync(database, "CREATE TABLE things (id BIGINT PRIMARY KEY, name TEXT, other TEXT); CREATE INDEX named ON things (name)", Cancellation);
        foreach (var (statement, reads) in new[] { ("SELECT 1 FROM things WHERE id = 3", false), ("SELECT 1 FROM things WHERE name = 'a'", false), ("SELECT 1 FROM things WHERE other = 'a'", true), ("SELECT id FROM things ORDER BY id", true), ("UPDATE things SET name = 'b' WHERE other = 'a'", true) })
        {
            await _postgres.Cluster.AskAsync(database, statement, Cancellation);
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
            string? plan;
            while ((plan = (await _postgres.PlansAsync(Cancellation)).LastOrDefault(plan => plan.Statement == statement).Plan) is null)
            {
                await timer.WaitForNextTickAsync(Cancellation);
            }

            Assert.Equal((statement, reads), (statement, ExplainingPostgres.ReadsWholeTable(plan)));
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
}
