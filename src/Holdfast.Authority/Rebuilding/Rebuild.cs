using System.Runtime.CompilerServices;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Rebuilding;

/// <summary>
/// Every database is gone: finds the accounts on the pod, and for each, log → keyrings → objects → snapshots → are all frames there. On the pod nothing changes but marks of deletion that were wrong.
/// Names, operators, tokens and codes are not on pods: operators are made anew, and computers attach themselves by their keys.
/// </summary>
internal sealed class Rebuild(AccountDirectory directory, AccountStore store, PodClient pod, Closures closures, TimeProvider time)
{
    /// <summary>Says that the databases are half made.</summary>
    public const string Mark = "rebuilding";

    /// <summary>Accounts one after the other, as they come back; an account can be used once it was returned.</summary>
    public async IAsyncEnumerable<RebuiltAccount> RunAsync(Action<long> progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var mark = await BeginAsync(cancellation);
        var taken = 0L;
        for (var next = await pod.FirstAsync(null, cancellation); next is { Account: var account }; next = await pod.FirstAsync(ObjectName.EndOf(account, EndOfSpaces), cancellation))
        {
            var draft = new AccountDraft(account);
            await new LogReading(pod, draft).RunAsync(cancellation);
            var place = await directory.AddRebuiltAsync(account, draft.IsLogDamaged ? AccountState.LogDamaged : AccountState.Rebuilt, cancellation);
            await store.AdmitAsync(place, cancellation);
            var objects = new ObjectReading(store, pod, place, draft, time);
            await objects.RunAsync(() => progress(++taken), cancellation);
            await new SnapshotReading(store, pod, place, draft).RunAsync(cancellation);
            await ReviveAsync(place, draft, objects.Condemned, cancellation);
            await new AccountRows(store, place, draft, time).WriteAsync(cancellation);
            yield return new RebuiltAccount(account, draft.Log.Computers.Count, draft.Snapshots, draft.Objects, draft.Bytes, draft.Troubles);
        }

        await foreach (var closure in pod.ListClosedAsync(cancellation))
        {
            await closures.KeepAsync(closure, cancellation);
        }

        if (await directory.MarkAsync(Mark, cancellation) != mark)
        {
            throw new HoldfastException(FailureTable.Conflict, "Another rebuild was begun meanwhile: let only one run, and run it again.");
        }

        await directory.SetMarkAsync(Mark, null, cancellation);
    }

    /// <summary>Databases with accounts are refused, unless a rebuild made them that did not end: those begin anew.</summary>
    private async Task<string> BeginAsync(CancellationToken cancellation)
    {
        if (await directory.MarkAsync(Mark, cancellation) is not null)
        {
            await store.ClearAsync(cancellation);
            await directory.ClearAsync(cancellation);
        }
        else if (await directory.CountAsync(cancellation) is > 0 and var known)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The directory has {known} accounts: a rebuild needs empty databases. Nothing was changed.");
        }

        await store.RefuseUnlessEmptyAsync(cancellation);
        var mark = $"{time.GetUtcNow():O} {Guid.NewGuid():N}";
        await directory.SetMarkAsync(Mark, mark, cancellation);
        return mark;
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

    /// <summary>Behind every space there is.</summary>
    private const ObjectSpace EndOfSpaces = (ObjectSpace)byte.MaxValue;
}
