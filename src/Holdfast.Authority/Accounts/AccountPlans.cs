using System.Data.Common;
using System.Text.Json;
using Holdfast.Authority.Databases;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Accounts;

/// <summary>What an account may do by the plan that it has now.</summary>
internal sealed partial class AccountPlans(IDatabase directory, TimeProvider time, ILogger logger)
{
    /// <summary>Null if it has none, or if the tables of billing cannot be read: backups and restores do not wait for money.</summary>
    public async Task<PlanTerms?> TryFindAsync(AccountId account, CancellationToken cancellation)
    {
        try
        {
            return await directory.AskAsync(transaction => transaction.FindAsync<string>(
                "SELECT p.terms FROM account_plans a JOIN plans p ON p.name = a.plan AND p.version = a.version WHERE a.account_id = @id AND a.from_day <= @today ORDER BY a.from_day DESC LIMIT 1",
                new { id = account.ToArray(), today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay }), cancellation) is { } terms ? JsonSerializer.Deserialize(terms, MessageJson.Default.PlanTerms) : null;
        }
        catch (Exception exception) when (exception is DbException or JsonException)
        {
            LogNoPlan(exception);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An account's plan cannot be read: its quota and limits do not count.")]
    private partial void LogNoPlan(Exception exception);
}
