using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Holdfast.Format.Objects;
using Holdfast.Pods.Storing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Contracts.Tests;

/// <summary>The twin in memory, for simulations; it keeps the same contract.</summary>
internal sealed class MemoryPackStore(TimeProvider time, TimeSpan grace) : IPackStore
{
    private readonly ConcurrentDictionary<ObjectName, (byte[] Content, DateTimeOffset StoredAt, DateTimeOffset? CondemnedAt)> _objects = new();
    private readonly ConcurrentDictionary<AccountId, AccountClosure> _closed = new();

    public Task<PutOutcome> PutAsync(ObjectName name, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        if (_closed.ContainsKey(name.Account))
        {
            throw new HoldfastException(FailureTable.AccountClosed, $"The account {name.Account} is closed.");
        }

        var added = (Content: content.ToArray(), time.GetUtcNow(), (DateTimeOffset?)null);
        var kept = _objects.GetOrAdd(name, added);
        return ReferenceEquals(kept.Content, added.Content) ? Task.FromResult(PutOutcome.Stored)
            : kept.Content.AsSpan().SequenceEqual(content.Span) ? Task.FromResult(PutOutcome.AlreadyThere)
            : throw new HoldfastException(FailureTable.ObjectExists, $"{name} holds other bytes already.");
    }

    public Task<StoredItem?> FindAsync(ObjectName name, CancellationToken cancellation) =>
        Task.FromResult(_objects.TryGetValue(name, out var found) ? new StoredItem(name, found.Content.Length, found.StoredAt, found.CondemnedAt) : (StoredItem?)null);

    public Task ReadAsync(ObjectName name, long offset, Memory<byte> destination, CancellationToken cancellation)
    {
        Find(name).Content.AsMemory((int)offset, destination.Length).CopyTo(destination);
        return Task.CompletedTask;
    }

    public async IAsyncEnumerable<StoredItem> ListAsync(ObjectName? after, [EnumeratorCancellation] CancellationToken cancellation)
    {
        static (string, byte, long) Order(ObjectName name) => (name.Account.ToString(), (byte)name.Space, (long)name.Number);
        foreach (var name in _objects.Keys.Where(name => after is not { } from || Order(name).CompareTo(Order(from)) > 0).OrderBy(Order))
        {
            if (await FindAsync(name, cancellation) is { } item)
            {
                yield return item;
            }
        }
    }

    public Task CondemnAsync(ObjectName name, CancellationToken cancellation)
    {
        var found = Find(name);
        _objects[name] = (found.Content, found.StoredAt, found.CondemnedAt ?? time.GetUtcNow());
        return Task.CompletedTask;
    }

    public Task ReviveAsync(ObjectName name, CancellationToken cancellation)
    {
        var found = Find(name);
        _objects[name] = (found.Content, found.StoredAt, null);
        return Task.CompletedTask;
    }

    public Task DeleteAsync(ObjectName name, CancellationToken cancellation)
    {
        if (_objects.TryGetValue(name, out var found) && (found.CondemnedAt is not { } condemned || time.GetUtcNow() - condemned < grace))
        {
            throw new HoldfastException(FailureTable.Conflict, $"{name} is not condemned, or its grace has not passed.");
        }

        _objects.TryRemove(name, out _);
        return Task.CompletedTask;
    }

    public Task<AccountClosure> CloseAsync(AccountId account, CancellationToken cancellation)
    {
        var closure = _closed.GetOrAdd(account, new AccountClosure(account, time.GetUtcNow(), 0));
        foreach (var name in _objects.Keys.Where(name => name.Account == account))
        {
            _objects.TryRemove(name, out _);
        }

        return Task.FromResult(closure);
    }

    public IReadOnlyList<AccountClosure> ListClosed(AccountId? after, int limit) =>
        [.. _closed.Values.OrderBy(closure => closure.Account.ToString(), StringComparer.Ordinal).Where(closure => after is not { } from || string.CompareOrdinal(closure.Account.ToString(), from.ToString()) > 0).Take(limit)];

    private (byte[] Content, DateTimeOffset StoredAt, DateTimeOffset? CondemnedAt) Find(ObjectName name) =>
        _objects.TryGetValue(name, out var found) ? found : throw new HoldfastException(FailureTable.NotFound, $"There is no object {name}.");
}
