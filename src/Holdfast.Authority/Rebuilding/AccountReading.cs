using Holdfast.Authority.Accounts;
using Holdfast.Authority.Placing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Rebuilding;

/// <summary>Takes in what the pod has of one account: log → keyrings → objects → snapshots → are all frames there. Rows that are there already are set right.</summary>
internal sealed class AccountReading(AccountStore store, PodClient pod, TimeProvider time)
{
    /// <summary>What the pod has of an account's log and keyrings.</summary>
    public async Task<AccountDraft> BeginAsync(Format.Objects.AccountId account, CancellationToken cancellation)
    {
        var draft = new AccountDraft(account);
        await new LogReading(pod, draft).RunAsync(cancellation);
        return draft;
    }

    /// <summary>What the account needs for somebody to be let in and to restore: its log, keyrings and computers, and heads that came since its rows were copied.</summary>
    public async Task AdmitAsync(AccountPlace place, AccountDraft draft, CancellationToken cancellation)
    {
        await new SnapshotReading(store, pod, place, draft).RunNewHeadsAsync(cancellation);
        await new AccountRows(store, place, draft, time).WriteAsync(cancellation);
    }

    /// <summary>Some objects that came since the account's rows were copied, because somebody reads them now.</summary>
    public async Task TakeAsync(AccountPlace place, IReadOnlyCollection<uint> numbers, CancellationToken cancellation) =>
        await new ObjectReading(store, pod, place, await BeginAsync(place.Account, cancellation), time).TakeAsync(numbers, cancellation);

    /// <summary>All the rest.</summary>
    /// <param name="place">Where its rows are.</param>
    /// <param name="draft">What <see cref="BeginAsync"/> found; this adds to it.</param>
    /// <param name="taken">Called for each object.</param>
    /// <param name="cancellation">Ends it; it may be begun again.</param>
    public async Task RunAsync(AccountPlace place, AccountDraft draft, Action taken, CancellationToken cancellation)
    {
        var before = await store.ReadAsync(place, transaction => transaction.FindAsync<long>("SELECT next_version FROM fence WHERE account_id = @account"), cancellation);
        var objects = new ObjectReading(store, pod, place, draft, time);
        await objects.RunAsync(taken, cancellation);
        await new SnapshotReading(store, pod, place, draft).RunAsync(cancellation);
        await ReviveAsync(place, draft, objects.Condemned, cancellation);
        await new AccountRows(store, place, draft, time).WriteAsync(cancellation);
        await MissAsync(place, draft, before, cancellation);
    }

    /// <summary>What a snapshot needs and the pod was told to delete: the old mark's grace must not count any more.</summary>
    private async Task ReviveAsync(AccountPlace place, AccountDraft draft, List<ObjectName> condemned, CancellationToken cancellation)
    {
        foreach (var name in condemned)
        {
            if (await store.ReadAsync(place, transaction => transaction.FindAsync<string>("SELECT state FROM objects WHERE account_id = @account AND number = @number", new { name.Number }), cancellation) != "live")
            {
                continue;
            }

            try
            {
                await pod.ReviveAsync(name, cancellation);
            }
            catch (HoldfastException exception)
            {
                draft.Trouble($"object {name.Number} is needed, and the pod still has it marked for deletion: {exception.Message}");
            }
        }
    }

    /// <summary>Rows, older than this reading, of what the pod does not have: objects count as gone, so that the next backup sends what was in them; heads, statements and keyrings are put there again.</summary>
    private async Task MissAsync(AccountPlace place, AccountDraft draft, long before, CancellationToken cancellation)
    {
        var (objects, others) = await store.WriteAsync(place, async transaction => (
            await transaction.ExecuteAsync("UPDATE objects SET state = 'deleted', version = @version WHERE account_id = @account AND version <= @before AND state IN ('live', 'condemned') AND receipt IS NOT NULL", new { before }),
            await transaction.ExecuteAsync("UPDATE snapshots SET on_pod = 0, version = @version WHERE account_id = @account AND version <= @before AND on_pod = 1", new { before })
            + await transaction.ExecuteAsync("UPDATE log SET on_pod = 0, version = @version WHERE account_id = @account AND version <= @before AND on_pod = 1", new { before })
            + await transaction.ExecuteAsync("UPDATE keyrings SET on_pod = 0, version = @version WHERE account_id = @account AND version <= @before AND on_pod = 1", new { before })), cancellation);
        if (objects > 0)
        {
            draft.Trouble($"{objects} objects are not on the pod any more");
        }

        if (others > 0)
        {
            draft.Trouble($"{others} heads, statements or keyrings were not on the pod any more, and are put there again");
        }
    }
}
