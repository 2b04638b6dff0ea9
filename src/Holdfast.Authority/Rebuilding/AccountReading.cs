using Holdfast.Authority.Accounts;
using Holdfast.Authority.Placing;
using Holdfast.Format.Accounts;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Rebuilding;

/// <summary>Takes in what the pod has of one account: log → keyrings → objects → snapshots → are all frames there. Rows that are there already are set right.</summary>
internal sealed class AccountReading(AccountStore store, PodClient pod, TimeProvider time)
{
    /// <summary>What the pod has of an account's log and keyrings, behind what is known of its log already.</summary>
    /// <param name="account">The account.</param>
    /// <param name="place">Where its rows are; null if it has none.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<AccountDraft> BeginAsync(Format.Objects.AccountId account, AccountPlace? place, CancellationToken cancellation)
    {
        var draft = new AccountDraft(account);
        if (place is not null)
        {
            (draft.Before, var statements) = await store.ReadAsync(place, async transaction => (
                await transaction.FindAsync<long>("SELECT next_version FROM fence WHERE account_id = @account"),
                await transaction.QueryAsync<byte[]>("SELECT statement FROM log WHERE account_id = @account ORDER BY sequence")), cancellation);
            draft.Log = AccountLog.Verify(statements.Select(statement => (ReadOnlyMemory<byte>)statement));
        }

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
        await new ObjectReading(store, pod, place, await BeginAsync(place.Account, place, cancellation), time).TakeAsync(numbers, cancellation);

    /// <summary>All the rest.</summary>
    /// <param name="place">Where its rows are.</param>
    /// <param name="draft">What <see cref="BeginAsync"/> found; this adds to it.</param>
    /// <param name="taken">Called for each object.</param>
    /// <param name="cancellation">Ends it; it may be begun again.</param>
    public async Task RunAsync(AccountPlace place, AccountDraft draft, Action taken, CancellationToken cancellation)
    {
        var objects = new ObjectReading(store, pod, place, draft, time);
        await objects.RunAsync(taken, cancellation);
        await new SnapshotReading(store, pod, place, draft).RunAsync(cancellation);
        await ReviveAsync(place, draft, objects.Condemned, cancellation);
        await new AccountRows(store, place, draft, time).WriteAsync(cancellation);
        await MissOthersAsync(place, draft, cancellation);
    }

    /// <summary>What a snapshot needs and the pod was told to delete: the old mark's grace must not count any more.</summary>
    private async Task ReviveAsync(AccountPlace place, AccountDraft draft, List<ObjectName> condemned, CancellationToken cancellation)
    {
        foreach (var name in condemned)
        {
            if (await store.AskAsync(place, transaction => transaction.FindAsync<string>("SELECT state FROM objects WHERE account_id = @account AND number = @number", new { name.Number }), cancellation) != "live")
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

    /// <summary>Heads, statements and keyrings that the pod does not have are put there again.</summary>
    private async Task MissOthersAsync(AccountPlace place, AccountDraft draft, CancellationToken cancellation)
    {
        var others = await store.WriteAsync(place, async transaction =>
            await transaction.ExecuteAsync("UPDATE snapshots SET on_pod = 0, version = @version WHERE account_id = @account AND version <= @before AND on_pod = 1", new { draft.Before })
            + await transaction.ExecuteAsync("UPDATE keyrings SET on_pod = 0, version = @version WHERE account_id = @account AND version <= @before AND on_pod = 1", new { draft.Before }), cancellation)
            + draft.Log.Statements.Count(statement => !draft.StatementsOnPod.Contains(statement.Sequence));
        if (others > 0)
        {
            draft.Trouble($"{others} heads, statements or keyrings were not on the pod any more, and are put there again");
        }
    }
}
