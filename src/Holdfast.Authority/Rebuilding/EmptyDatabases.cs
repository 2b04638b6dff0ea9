using Holdfast.Authority.Accounts;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Rebuilding;

/// <summary>Databases that are filled anew: no node serves from them before they are whole, and what was left half made is begun anew.</summary>
internal static class EmptyDatabases
{
    /// <summary>Says that the databases are half made.</summary>
    public const string Mark = "rebuilding";

    /// <summary>Databases with accounts are refused, unless they were being filled and that did not end: those begin anew.</summary>
    public static async Task<string> BeginAsync(AccountDirectory directory, AccountStore store, TimeProvider time, CancellationToken cancellation)
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

    /// <summary>They are whole; fails if somebody else began to fill them meanwhile.</summary>
    public static async Task EndAsync(AccountDirectory directory, string mark, CancellationToken cancellation)
    {
        if (await directory.MarkAsync(Mark, cancellation) != mark)
        {
            throw new HoldfastException(FailureTable.Conflict, "Somebody else began to fill these databases meanwhile: let only one run, and run it again.");
        }

        await directory.SetMarkAsync(Mark, null, cancellation);
    }
}
