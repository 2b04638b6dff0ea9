using System.Collections.Concurrent;
using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Throttling;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>Plans, each version for ever, and which account has which from when.</summary>
internal sealed class PlanTable(IDatabase directory, TimeProvider time)
{
    private const int PiecesMax = 20;

    // They never change.
    private readonly ConcurrentDictionary<(string Name, long Version), Plan> _known = new();

    public long Today => time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;

    /// <summary>Makes a plan, or another version of one.</summary>
    public async Task<PlanSummary> AddAsync(PlanTerms terms, CancellationToken cancellation)
    {
        if (terms.Storage?.Count > PiecesMax || terms.Promise?.Count > PiecesMax || terms.Storage?.Contains(null!) == true || terms.Promise?.Contains(null!) == true)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A plan has no more than {PiecesMax} prices of storage, and promises, and none is null.");
        }

        PlanOf(1, terms);
        if (terms.QuotaGigabytes is < 1 or > Plan.NumberMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A plan's quota is 1 to {Plan.NumberMax} gigabytes.");
        }

        PlanLimits.Check(terms.Limits);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        return await directory.WriteAsync(async transaction =>
        {
            var newest = await transaction.FindAsync<(long? Version, string? Terms)>("SELECT version, terms FROM plans WHERE name = @name ORDER BY version DESC LIMIT 1", new { terms.Name });
            if (newest.Terms is not null && PlanOf(1, Read(newest.Terms)).Currency.Code != terms.Currency)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"The plan '{terms.Name}' is in {Read(newest.Terms).Currency}: a plan in {terms.Currency} needs another name.");
            }

            var version = (newest.Version ?? 0) + 1;
            await transaction.ExecuteAsync("INSERT INTO plans (name, version, terms, created_at) VALUES (@name, @version, @text, @now)", new { terms.Name, version, text = JsonSerializer.Serialize(terms, MessageJson.Default.PlanTerms), now });
            return new PlanSummary((int)version, now, terms);
        }, cancellation);
    }

    /// <summary>By name, then version.</summary>
    public async Task<Page<PlanSummary>> ListAsync(Paging paging, CancellationToken cancellation)
    {
        var (name, version) = paging.AfterNameAndNumber();
        var page = await directory.AskAsync(async transaction => paging.Cut(await transaction.QueryAsync<(string Name, long Version, string Terms, long CreatedAt)>(
            "SELECT name, version, terms, created_at FROM plans WHERE (name, version) > (@name, @version) ORDER BY name, version LIMIT @rows", new { name, version, rows = paging.Rows }), row => $"{row.Name}\n{row.Version}"), cancellation);
        return new Page<PlanSummary>([.. page.Items.Select(row => new PlanSummary((int)row.Version, row.CreatedAt, Read(row.Terms)))], page.Next);
    }

    /// <summary>Gives an account a plan from a day on, today or later; what was to come from that day on is given up.</summary>
    public Task<AssignedPlanList> AssignAsync(AccountPlace place, AssignPlan asked, CancellationToken cancellation)
    {
        var from = asked.From is null ? Today : CalendarDay.Parse(asked.From);
        if (from < Today)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A plan counts from today on or from later: days that have passed are paid by the plan that the account had.");
        }

        return directory.WriteAsync(async transaction =>
        {
            var id = place.Account.ToArray();

            // Locks the account's row: two who give it plans go one after the other.
            if (await transaction.ExecuteAsync("UPDATE accounts SET name = name WHERE account_id = @id", new { id }) == 0)
            {
                throw new HoldfastException(FailureTable.NotFound, "There is no such account any more.");
            }

            var (version, terms) = await transaction.FindAsync<(long Version, string? Terms)>("SELECT version, terms FROM plans WHERE name = @plan AND (version = @version OR @version = 0) ORDER BY version DESC LIMIT 1", new { asked.Plan, version = (long)(asked.Version ?? 0) });
            if (terms is null)
            {
                throw new HoldfastException(FailureTable.NotFound, $"There is no plan '{asked.Plan}'{(asked.Version is { } wanted ? $", version {wanted}" : "")}.");
            }

            await transaction.ExecuteAsync("DELETE FROM account_plans WHERE account_id = @id AND from_day >= @from", new { id, from });
            var known = await PeriodsAsync(transaction, id);
            if (known.Count > 0 && known[0].Plan.Currency.Code != Read(terms).Currency)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, $"The account pays in {known[0].Plan.Currency}, and the plan is in {Read(terms).Currency}: a customer has one currency.");
            }

            await transaction.ExecuteAsync("INSERT INTO account_plans (account_id, from_day, plan, version) VALUES (@id, @from, @plan, @version)", new { id, from, asked.Plan, version });
            return new AssignedPlanList([.. (await PeriodsAsync(transaction, id)).Select(period => new AssignedPlan($"{Month.DateOf(period.FromDay):yyyy-MM-dd}", period.Plan.Name, period.Plan.Version))]);
        }, cancellation);
    }

    /// <summary>An account's plans, in the order of days.</summary>
    public Task<IReadOnlyList<PlanPeriod>> PeriodsAsync(AccountPlace place, CancellationToken cancellation) => directory.AskAsync(transaction => PeriodsAsync(transaction, place.Account.ToArray()), cancellation);

    /// <summary>A plan that some bill was made by.</summary>
    public async Task<Plan> FindAsync(string name, int version, CancellationToken cancellation)
    {
        if (!_known.TryGetValue((name, version), out var plan))
        {
            var terms = await directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT terms FROM plans WHERE name = @name AND version = @version", new { name, version = (long)version }), cancellation)
                ?? throw new HoldfastException(FailureTable.NotFound, $"There is no plan '{name}', version {version}.");
            _known[(name, version)] = plan = PlanOf(version, Read(terms));
        }

        return plan;
    }

    /// <summary>The first day on which any account has a plan; null if none ever had one.</summary>
    public Task<long?> FirstDayAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.FindAsync<long?>("SELECT min(from_day) FROM account_plans"), cancellation);

    /// <summary>Some accounts that have had a plan, behind one.</summary>
    public Task<List<byte[]>> AccountsAsync(byte[] after, int most, CancellationToken cancellation) => directory.AskAsync(async transaction =>
        (await transaction.QueryAsync<byte[]>("SELECT DISTINCT account_id FROM account_plans WHERE account_id > @after ORDER BY account_id LIMIT @most", new { after, most })).ToList(), cancellation);

    private static async Task<IReadOnlyList<PlanPeriod>> PeriodsAsync(DatabaseTransaction transaction, byte[] id) => [.. (await transaction.QueryAsync<(long FromDay, long Version, string Terms)>(
        "SELECT a.from_day, a.version, p.terms FROM account_plans a JOIN plans p ON p.name = a.plan AND p.version = a.version WHERE a.account_id = @id ORDER BY a.from_day", new { id }))
        .Select(row => new PlanPeriod(PlanOf((int)row.Version, Read(row.Terms)), row.FromDay))];

    private static PlanTerms Read(string terms) => JsonSerializer.Deserialize(terms, MessageJson.Default.PlanTerms)!;

    private static Plan PlanOf(int version, PlanTerms terms)
    {
        try
        {
            return new Plan(terms.Name, version, Currency.Parse(terms.Currency))
            {
                Base = terms.Base, PerComputer = terms.PerComputer, ComputersIncluded = terms.ComputersIncluded, GigabytesIncluded = terms.GigabytesIncluded, GigabytesIncludedPerComputer = terms.GigabytesIncludedPerComputer,
                Tiers = [.. (terms.Storage ?? []).Select(price => new StorageTier(price.UpToGigabytes, price.MicrosPerGigabyte))], Promise = [.. (terms.Promise ?? []).Select(promise => new PromiseStep(promise.BelowPartsPerMillion, promise.Percent))],
            }.Check();
        }
        catch (BillingException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }
}
