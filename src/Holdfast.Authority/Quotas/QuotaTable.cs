using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Quotas;

/// <summary>Quotas that operators set, in the directory; without one, an account has its plan's.</summary>
internal sealed class QuotaTable(IDatabase directory, AccountPlans plans, TimeProvider time)
{
    /// <summary>A quota below it keeps not even one pack.</summary>
    public const long BytesMin = 1 << 20;

    /// <summary>The row of the account itself: computers count from 1.</summary>
    private const long OfAccount = 0;

    /// <summary>Sets an account's quota, or that of one of its computers; or takes it away.</summary>
    public Task ChangeAsync(AccountPlace place, uint? computer, ChangeQuota asked, CancellationToken cancellation)
    {
        if (asked.Bytes is < BytesMin || (asked.IsUnlimited && (asked.Bytes is not null || computer is not null)))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A quota is at least {BytesMin} bytes; only an account's can be unlimited, whatever its plan says, and then it has no bytes.");
        }

        var (id, number) = (place.Account.ToArray(), computer ?? OfAccount);
        return directory.WriteAsync(transaction => asked is { Bytes: null, IsUnlimited: false }
            ? transaction.ExecuteAsync("DELETE FROM quotas WHERE account_id = @id AND computer = @number", new { id, number })
            : transaction.ExecuteAsync("INSERT INTO quotas (account_id, computer, bytes) VALUES (@id, @number, @bytes) ON CONFLICT (account_id, computer) DO UPDATE SET bytes = excluded.bytes", new { id, number, asked.Bytes }), cancellation);
    }

    /// <summary>Accounts that have a quota, their own or their plan's.</summary>
    public Task<Dictionary<AccountId, long>> OfAccountsAsync(CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        var quotas = new Dictionary<AccountId, long>();
        foreach (var (id, terms) in await transaction.QueryAsync<(byte[] Id, string Terms)>(
            """
            SELECT a.account_id, p.terms FROM account_plans a JOIN plans p ON p.name = a.plan AND p.version = a.version
            JOIN (SELECT account_id, max(from_day) AS from_day FROM account_plans WHERE from_day <= @today GROUP BY account_id) now ON now.account_id = a.account_id AND now.from_day = a.from_day
            """, new { Today }))
        {
            if (QuotaOf(JsonSerializer.Deserialize(terms, MessageJson.Default.PlanTerms)) is { } bytes)
            {
                quotas[new AccountId(id)] = bytes;
            }
        }

        foreach (var (id, bytes) in await transaction.QueryAsync<(byte[] Id, long? Bytes)>($"SELECT account_id, bytes FROM quotas WHERE computer = {OfAccount}"))
        {
            if (bytes is { } own)
            {
                quotas[new AccountId(id)] = own;
            }
            else
            {
                quotas.Remove(new AccountId(id));
            }
        }

        return quotas;
    }, cancellation);

    /// <summary>What an account has now. If the tables of billing cannot be read it is as if its plan had none: backups do not wait for money.</summary>
    public async Task<Quota> FindAsync(AccountPlace place, CancellationToken cancellation)
    {
        var id = place.Account.ToArray();
        var rows = await directory.AskAsync(transaction => transaction.QueryAsync<(long Computer, long? Bytes)>("SELECT computer, bytes FROM quotas WHERE account_id = @id", new { id }), cancellation);
        var own = rows.Where(row => row.Computer == OfAccount).ToList();
        return new Quota(own.Count > 0 ? own[0].Bytes : QuotaOf(await plans.TryFindAsync(place.Account, cancellation)), rows.Where(row => row is { Computer: not OfAccount, Bytes: not null }).ToDictionary(row => (uint)row.Computer, row => row.Bytes!.Value));
    }

    /// <summary>Computers that have a quota of their own.</summary>
    public Task<IReadOnlyList<(byte[] Account, long Computer, long Bytes)>> OfComputersAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<(byte[] Account, long Computer, long Bytes)>(
        $"SELECT account_id, computer, bytes FROM quotas WHERE computer <> {OfAccount} AND bytes IS NOT NULL ORDER BY account_id, computer"), cancellation);

    private long Today => time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;

    private static long? QuotaOf(PlanTerms? terms) => terms?.QuotaGigabytes * Plan.Gigabyte;
}
