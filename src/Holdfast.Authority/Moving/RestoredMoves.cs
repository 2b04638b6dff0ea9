using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// After an older copy of the databases was restored: the directory and each store are as of moments of their own, between which accounts may have moved. Each account's home is the store that was open last, by the highest epoch; one that
/// was left has all rows up to when it was. The rest is compared with the pod, as after every such restore.
/// </summary>
internal sealed class RestoredMoves(IDatabase directory, IReadOnlyDictionary<string, IDatabase> homes)
{
    public async Task SettleAsync(CancellationToken cancellation)
    {
        var sides = new List<(AccountId Account, string Store, string State, long Epoch, long Attempt)>();
        foreach (var (name, home) in homes)
        {
            sides.AddRange((await home.ReadAsync(transaction =>
            {
                transaction.IsPatient = true;
                return transaction.QueryAsync<(byte[] Id, string State, long Epoch, long Attempt)>("SELECT account_id, state, epoch, attempt FROM fence WHERE state <> 'absent'");
            }, cancellation)).Select(row => (new AccountId(row.Id), name, row.State, row.Epoch, row.Attempt)));
        }

        var found = sides.ToLookup(side => side.Account);
        var known = await directory.ReadAsync(transaction =>
        {
            transaction.IsPatient = true;
            return transaction.QueryAsync<(byte[] Id, string Home, long Epoch, string State, long Attempt)>("SELECT account_id, home, epoch, move_state, move_attempt FROM accounts");
        }, cancellation);
        foreach (var (account, place) in known.Select(row => (new AccountId(row.Id), row)))
        {
            var there = found[account].OrderByDescending(side => side.State is "open" or "frozen" or "sealed" or "closed").ThenByDescending(side => side.State != "incoming").ThenByDescending(side => side.Epoch).ToList();
            if (there.Count == 0 || (there.Count == 1 && (there[0].Store, there[0].State, there[0].Epoch, place.State) == (place.Home, "open", place.Epoch, "none")))
            {
                continue;
            }

            var (epoch, attempt) = (Math.Max(place.Epoch, there.Max(side => side.Epoch)) + 2, Math.Max(place.Attempt, there.Max(side => side.Attempt)));
            foreach (var side in there.Skip(1))
            {
                await new AccountSide(homes[side.Store]).ForgetAsync(account, epoch, cancellation);
            }

            await new AccountSide(homes[there[0].Store]).AdoptAsync(account, epoch, cancellation);
            await directory.WriteAsync(transaction => transaction.ExecuteAsync(
                "UPDATE accounts SET home = @home, epoch = @epoch, move_state = 'none', move_other = NULL, move_attempt = @attempt, mover = NULL WHERE account_id = @id", new { id = account.ToArray(), home = there[0].Store, epoch, attempt }), cancellation);
        }

        await directory.WriteAsync(transaction => transaction.ExecuteAsync($"UPDATE moves SET state = '{MoveStates.Ended}' WHERE state <> '{MoveStates.Ended}'"), cancellation);
    }
}
