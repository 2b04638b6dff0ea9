using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Storing;

/// <summary>An object that a store holds, since when, and since when it is condemned.</summary>
public readonly record struct StoredItem(ObjectName Name, long Length, DateTimeOffset StoredAt, DateTimeOffset? CondemnedAt);

/// <summary>What happened to a put.</summary>
public enum PutOutcome
{
    Stored,

    /// <summary>The same bytes lay there already: as good as stored.</summary>
    AlreadyThere,
}

/// <summary>An account of which nothing is kept any more, since when, and how many of its records still wait to be wiped from drives.</summary>
public readonly record struct AccountClosure(AccountId Account, DateTimeOffset ClosedAt, long RecordsLeft);

/// <summary>Keeps objects. Every engine passes the conformance suite in tests/Holdfast.Contracts.Tests.</summary>
/// <remarks>
/// Order: what <see cref="PutAsync"/> returned from is durable and listed. A name is written once. Condemning hides nothing: a condemned object
/// can be read and revived until it is deleted, which its grace forbids until it has passed. Failures are HoldfastExceptions.
/// Thread-safe; two puts of one name end as if one came after the other.
/// </remarks>
public interface IPackStore
{
    /// <summary>Stores an object durably. Other bytes under the name are the failure object_exists, a full disk is pod_full; both leave what was there.</summary>
    Task<PutOutcome> PutAsync(ObjectName name, ReadOnlyMemory<byte> content, CancellationToken cancellation);

    /// <summary>The item, or null if it is not there.</summary>
    Task<StoredItem?> FindAsync(ObjectName name, CancellationToken cancellation);

    /// <summary>Fills <paramref name="destination"/> from <paramref name="offset"/>, verified; damaged bytes are the failure damaged_object, never returned.</summary>
    Task ReadAsync(ObjectName name, long offset, Memory<byte> destination, CancellationToken cancellation);

    /// <summary>Everything there is behind a name, or everything, in order of account, space and number. What is put or deleted meanwhile may or may not be in it.</summary>
    IAsyncEnumerable<StoredItem> ListAsync(ObjectName? after, CancellationToken cancellation);

    /// <summary>Marks an object for deletion, durably; the first mark's time stays.</summary>
    Task CondemnAsync(ObjectName name, CancellationToken cancellation);

    /// <summary>Takes the mark away.</summary>
    Task ReviveAsync(ObjectName name, CancellationToken cancellation);

    /// <summary>Deletes a condemned object whose grace has passed; what is not there is deleted already.</summary>
    Task DeleteAsync(ObjectName name, CancellationToken cancellation);

    /// <summary>
    /// Closes an account for ever: from the moment this returns, and durably, none of its objects can be found, and none is taken (account_closed). The bytes of its keyrings, log and heads
    /// are gone from every drive that is there; the rest follows in the background, and on other drives when they are back. No grace: whoever asks has waited. Again: how far that is.
    /// </summary>
    Task<AccountClosure> CloseAsync(AccountId account, CancellationToken cancellation);

    /// <summary>Closed accounts behind one, in order.</summary>
    IReadOnlyList<AccountClosure> ListClosed(AccountId? after, int limit);
}
