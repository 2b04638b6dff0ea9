using Holdfast.Client.Connecting;
using Holdfast.Format.Accounts;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Enrolling;

/// <summary>The end of an enrolment: the account's root says that a computer adds and reads nothing any more, for good. What it backed up stays.</summary>
public static class Revocation
{
    /// <summary>Says it in the account log, from where neither the service, nor a rebuild, nor an older copy of its databases can take it back.</summary>
    /// <param name="account">The opened account; its log is prolonged.</param>
    /// <param name="service">Where the log is kept.</param>
    /// <param name="asking">The computer that asks; it cannot revoke itself, lest nobody be left.</param>
    /// <param name="number">Which; one that the log does not certify is the failure not_found, one that is revoked already changes nothing.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public static async Task RevokeAsync(OpenedAccount account, ServiceClient service, uint asking, uint number, CancellationToken cancellation)
    {
        var log = account.View.Log;
        if (!log.Computers.TryGetValue(number, out var computer))
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no computer {number} in this account.");
        }

        if (number == asking)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "This computer cannot revoke itself: do it at another one, or have it retired.");
        }

        if (computer.IsRevoked)
        {
            return;
        }

        var statement = new Statement { Account = log.Account, Sequence = log.Sequence + 1, Previous = log.LastHash, Kind = StatementKind.ComputerRevoked, Number = number }.Sign(account.Keyring.Root);
        log.Append(statement);
        await service.AppendLogAsync(new AppendLog([statement.Bytes.ToArray()]), cancellation);
    }
}
