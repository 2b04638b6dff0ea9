using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// After an older copy of the databases was restored: the directory and each store are as of moments of their own, between which accounts may have moved. Each account's home is the store that was open last, by the highest epoch; one that
/// was left has all rows up to when it was. What no store has whole begins empty: the rest comes from the pod, as after every such restore.
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
            // A source that is fenced and a target that is open have the same epoch: the second has all that the first has.
            var there = found[account].Where(side => side.State != "incoming").OrderByDescending(side => side.State != "left").ThenByDescending(side => side.Epoch).ThenByDescending(side => side.State is "open" or "closed").ToList();
            if (there.Count == 1 && found[account].Count() == 1 && (there[0].Store, there[0].State, there[0].Epoch, place.State) == (place.Home, "open", place.Epoch, "none"))
            {
                continue;
            }

            var home = there.Count > 0 ? there[0].Store : place.Home;
            var (epoch, attempt) = (Math.Max(place.Epoch, found[account].Select(side => side.Epoch).DefaultIfEmpty().Max()) + 2, Math.Max(place.Attempt, found[account].Select(side => side.Attempt).DefaultIfEmpty().Max()));
            foreach (var side in found[account].Where(side => there.Count == 0 || side.Store != home))
            {
                await new AccountSide(homes[side.Store]).ForgetAsync(account, epoch, cancellation);
            }

            await new AccountSide(homes[home]).AdoptAsync(account, epoch, cancellation);
            await directory.WriteAsync(transaction => transaction.ExecuteAsync(
                "UPDATE accounts SET home = @home, epoch = @epoch, move_state = 'none', move_other = NULL, move_attempt = @attempt, mover = NULL WHERE account_id = @id", new { id = account.ToArray(), home, epoch, attempt }), cancellation);
        }

        // An account that was made and moved since the directory was copied comes back from the pod.
        var names = known.Select(row => new AccountId(row.Id)).ToHashSet();
        foreach (var account in found.Where(account => !names.Contains(account.Key) && !(account.Count() == 1 && account.Single().State == "open")))
        {
            foreach (var side in account.Where(side => side.State != "closed"))
            {
                await new AccountSide(homes[side.Store]).ForgetAsync(account.Key, side.Epoch, cancellation);
                await homes[side.Store].WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM fence WHERE account_id = @id", new { id = account.Key.ToArray() }), cancellation);
            }
        }

        // Nobody knows what was done of a window since the copy: somebody has to look before it goes on.
        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE windows SET state = 'paused', failure = 'The databases were restored from a copy: look what is done, then resume or abort.' WHERE state IN ('in_progress', 'aborting')"), cancellation);
        await directory.WriteAsync(transaction => transaction.ExecuteAsync($"UPDATE moves SET state = '{MoveStates.Ended}' WHERE state <> '{MoveStates.Ended}'"), cancellation);
    }
}
