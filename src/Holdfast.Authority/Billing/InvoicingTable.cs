using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Billing;

/// <summary>How far invoices are: the last number and month, who is left, and whether all of it waits for an operator. One row, which whoever gives numbers locks.</summary>
internal sealed class InvoicingTable(IDatabase directory)
{
    private const int ListedMax = 100;

    public Task<InvoicingRow> ReadAsync(CancellationToken cancellation) => directory.AskAsync(async transaction =>
        await transaction.FindAsync<InvoicingRow>("SELECT number, issued_until AS IssuedUntil, confirmed, is_held AS IsHeld FROM invoice_end WHERE one = 1") ?? new InvoicingRow(), cancellation);

    /// <summary>Locks the row, which an older copy of the databases may not have had; the last number.</summary>
    public static async Task<long> LockAsync(DatabaseTransaction transaction)
    {
        await transaction.ExecuteAsync("INSERT INTO invoice_end (one, number) SELECT 1, coalesce(max(number), 0) FROM invoices WHERE number > 0 ON CONFLICT (one) DO NOTHING");
        return await transaction.FindAsync<long>("UPDATE invoice_end SET number = number WHERE one = 1 RETURNING number");
    }

    /// <summary>All of a month is issued, or written down as left.</summary>
    public Task KeepMonthAsync(string month, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await LockAsync(transaction);
        return await transaction.ExecuteAsync("UPDATE invoice_end SET issued_until = @month WHERE one = 1", new { month });
    }, cancellation);

    public Task ConfirmAsync(string month, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await LockAsync(transaction);
        return await transaction.ExecuteAsync("UPDATE invoice_end SET confirmed = @month WHERE one = 1", new { month });
    }, cancellation);

    /// <summary>Has everything wait, if any account has a plan: the databases were restored, and what was issued and paid since is not in them.</summary>
    public static async Task HoldAsync(DatabaseTransaction transaction)
    {
        await LockAsync(transaction);
        await transaction.ExecuteAsync("UPDATE invoice_end SET is_held = 1 WHERE one = 1 AND EXISTS (SELECT 1 FROM account_plans WHERE from_day >= 0)");
    }

    public Task ResumeAsync(long lastNumber, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var number = Math.Max(await LockAsync(transaction), lastNumber);
        return await transaction.ExecuteAsync("UPDATE invoice_end SET is_held = 0, number = @number WHERE one = 1", new { number });
    }, cancellation);

    public Task LeaveAsync(AccountId account, string month, string reason, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "INSERT INTO invoices_left (account_id, month, reason) VALUES (@id, @month, @reason) ON CONFLICT (account_id, month) DO UPDATE SET reason = excluded.reason", new { id = account.ToArray(), month, reason }), cancellation);

    public Task EndAsync(AccountId account, string month, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "DELETE FROM invoices_left WHERE account_id = @id AND month = @month", new { id = account.ToArray(), month }), cancellation);

    /// <summary>Some who are left, by account and month.</summary>
    public Task<List<(byte[] Account, string Month, string Reason)>> LeftAsync(byte[] after, string afterMonth, CancellationToken cancellation) => directory.AskAsync(async transaction => (await transaction.QueryAsync<(byte[], string, string)>(
        $"SELECT account_id, month, reason FROM invoices_left WHERE (account_id, month) > (@after, @afterMonth) ORDER BY account_id, month LIMIT {ListedMax}", new { after, afterMonth })).ToList(), cancellation);
}

/// <summary>How far invoices are.</summary>
internal sealed record InvoicingRow
{
    public long Number { get; init; }

    public string? IssuedUntil { get; init; }

    public string? Confirmed { get; init; }

    public long IsHeld { get; init; }
}
