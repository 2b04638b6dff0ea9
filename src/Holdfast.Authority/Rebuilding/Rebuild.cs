using System.Runtime.CompilerServices;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Escrow;
using Holdfast.Authority.Placing;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Rebuilding;

/// <summary>
/// Every database is gone: finds the accounts on the pod, and takes each in. On the pod nothing changes but marks of deletion that were wrong.
/// Names, operators, tokens and codes are not on pods: operators are made anew, and computers attach themselves by their keys.
/// </summary>
internal sealed class Rebuild(AccountDirectory directory, AccountStore store, PodClient pod, Closures closures, EscrowKeys escrow, TimeProvider time)
{
    /// <summary>Accounts one after the other, as they come back; an account can be used once it was returned.</summary>
    public async IAsyncEnumerable<RebuiltAccount> RunAsync(Action<long> progress, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var mark = await EmptyDatabases.BeginAsync(directory, store, time, cancellation);
        var (taken, reading) = (0L, new AccountReading(store, pod, time));
        for (var next = await pod.FirstAsync(ObjectName.EndOf(default), cancellation); next is { Account: var account }; next = await pod.FirstAsync(ObjectName.EndOf(account), cancellation))
        {
            var draft = await reading.BeginAsync(account, null, cancellation);
            var place = await directory.AddRebuiltAsync(account, draft.IsLogDamaged ? AccountState.LogDamaged : AccountState.Rebuilt, isReconciling: false, cancellation);
            await store.AdmitAsync(place, cancellation);
            await reading.RunAsync(place, draft, () => progress(++taken), cancellation);
            await escrow.KeepAsync(place, cancellation);
            yield return new RebuiltAccount(account, draft.Log.Computers.Count, draft.Snapshots, draft.Objects, draft.Bytes, draft.Troubles);
        }

        await foreach (var closure in pod.ListClosedAsync(cancellation))
        {
            await closures.KeepAsync(closure, cancellation);
        }

        await EmptyDatabases.EndAsync(directory, mark, cancellation);
    }
}
