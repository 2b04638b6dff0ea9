using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>
/// The directory, wherever it is: every write begins by looking whether this is still the database, and waits while that is being decided; once it is left, this node goes on in the next one. Reads look too while there is a next one.
/// </summary>
internal sealed class DirectoryHome : IDatabase
{
    /// <summary>The table that says what a database is; it is no part of the directory that moves or is copied.</summary>
    public const string FenceTable = "directory_home";

    private static readonly TimeSpan _asksEvery = TimeSpan.FromMilliseconds(10);

    /// <summary>A freeze is over long before; its mover died.</summary>
    private static readonly TimeSpan _givesUpAfterDefault = TimeSpan.FromSeconds(20);

    private readonly TimeSpan _givesUpAfter;
    private readonly TimeProvider _time;
    private volatile IDatabase _current;
    private volatile IDatabase? _next;

    /// <summary>The directory went where this node does not find it: what it reads here is of the past.</summary>
    private volatile bool _isLost;

    private DirectoryHome(IDatabase current, IDatabase? next, string? nextId, TimeSpan? givesUpAfter, TimeProvider time) =>
        (_current, _next, NextId, _givesUpAfter, _time) = (current, next, nextId, givesUpAfter ?? _givesUpAfterDefault, time);

    /// <summary>The database that the directory is to move to, if the configuration names one and it has not moved.</summary>
    public IDatabase? Next => _next;

    /// <summary>The id of the database that the configuration names as the next one, if it was not the directory when this node started.</summary>
    public string? NextId { get; }

    public IDatabase Current => _current;

    public IReadOnlyCollection<string> Tables => [.. _current.Tables.Where(table => table != FenceTable)];

    /// <summary>Finds out which of the databases that a configuration names is the directory.</summary>
    /// <param name="openAsync">Opens the one that it calls so.</param>
    /// <param name="openNextAsync">Opens the one that the directory is to move to; null if it names none.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="givesUpAfter">How long writers wait before they give a move up; 20 seconds unless given.</param>
    public static async Task<DirectoryHome> OpenAsync(Func<Task<IDatabase>> openAsync, Func<Task<IDatabase>>? openNextAsync, TimeProvider time, CancellationToken cancellation, TimeSpan? givesUpAfter = null)
    {
        var (next, isAway) = ((IDatabase?)null, (HoldfastException?)null);
        try
        {
            next = openNextAsync is null ? null : await openNextAsync();
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
        {
            isAway = exception;
        }

        var there = next is null ? null : await NameAsync(next, cancellation);
        IDatabase first;
        try
        {
            first = await openAsync();
        }
        catch (HoldfastException) when (there is { State: DirectoryState.Home, Other: not null })
        {
            // It has moved; nothing needs the former one to be there.
            return new DirectoryHome(next!, null, null, givesUpAfter, time);
        }

        var (fence, nextId) = (await NameAsync(first, cancellation), there?.Id);
        if (isAway is not null && !fence.IsOpen && fence.State != DirectoryState.Frozen)
        {
            throw isAway;
        }

        if (nextId == fence.Id)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The configuration's directory and next_directory are one and the same database.");
        }

        if (there is { State: DirectoryState.Home })
        {
            return (there.Other == fence.Id || fence.Other == there.Id) && !fence.IsOpen && fence.State != DirectoryState.Frozen
                ? new DirectoryHome(next!, null, null, givesUpAfter, time)
                : throw new HoldfastException(FailureTable.InvalidRequest, "What the configuration calls next_directory is a directory of its own, to which this one was not moved: name a database that nobody uses; or, if that is the one, name it as directory.");
        }

        var home = new DirectoryHome(first, next, nextId, givesUpAfter, time);
        switch (fence.State)
        {
            case DirectoryState.New:
                await DirectoryFence.ChangeAsync(first, fence, fence with { State = DirectoryState.Home, Epoch = 1 }, cancellation);
                break;
            case DirectoryState.Moving or DirectoryState.Frozen when fence.Other != nextId:
                // This node could not go along, so it does not move: whoever moves it finds another row.
                return await DirectoryFence.ChangeAsync(first, fence, Thawed(fence), cancellation)
                    ? home : throw new HoldfastException(FailureTable.ServiceUnavailable, "The directory is being moved to a database that this node's configuration does not name as next_directory, and has just been decided on: name it.");
            case DirectoryState.Left:
                await home.FollowAsync(fence, cancellation);
                break;
            case DirectoryState.Incoming or DirectoryState.Sealed:
                throw new HoldfastException(FailureTable.InvalidRequest, "What the configuration calls the directory is where the directory is being moved to: name it as next_directory, and as directory the one that it comes from.");
            default:
                break;
        }

        return home;
    }

    public async Task<T> WriteAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation)
    {
        var began = (long?)null;
        while (true)
        {
            var database = _current;
            var (fence, result) = await database.WriteAsync(async transaction =>
                await DirectoryFence.ShareAsync(transaction) is { IsOpen: false } closed ? (closed, default(T)!) : (null, await action(transaction)), cancellation);
            if (fence is null)
            {
                return result;
            }

            began ??= _time.GetTimestamp();
            await WaitAsync(database, fence, _time.GetElapsedTime(began.Value), cancellation);
        }
    }

    public async Task<T> ReadAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation)
    {
        RefuseIfLost();
        while (_next is not null)
        {
            var database = _current;
            var (fence, result) = await database.ReadAsync(async transaction =>
                await DirectoryFence.ReadAsync(transaction) is { State: DirectoryState.Left } left ? (left, default(T)!) : (null, await action(transaction)), cancellation);
            if (fence is null)
            {
                return result;
            }

            await FollowAsync(fence, cancellation);
        }

        return await _current.ReadAsync(action, cancellation);
    }

    public Task<T> AskAsync<T>(Func<DatabaseTransaction, Task<T>> question, CancellationToken cancellation)
    {
        RefuseIfLost();
        return _next is null ? _current.AskAsync(question, cancellation) : ReadAsync(question, cancellation);
    }

    public Task<DatabaseSize> SizeAsync(CancellationToken cancellation) => _current.SizeAsync(cancellation);

    public Task ForgetDeletedAsync(IReadOnlyCollection<string> tables, CancellationToken cancellation) => _current.ForgetDeletedAsync(tables, cancellation);

    public Task<IReadOnlyDictionary<string, IReadOnlyList<string>>> ColumnsAsync(CancellationToken cancellation) => _current.ColumnsAsync(cancellation);

    public Task MakeIndexAsync(string name, string table, IReadOnlyList<string> columns, CancellationToken cancellation) => _current.MakeIndexAsync(name, table, columns, cancellation);

    public Task DropIndexAsync(string name, Func<Task<bool>> isNeeded, CancellationToken cancellation) => _current.DropIndexAsync(name, isNeeded, cancellation);

    /// <remarks>Who opened the databases closes them.</remarks>
    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    /// <summary>Opens the copy, if nobody did, once the former directory is left.</summary>
    /// <param name="next">Where the copy is.</param>
    /// <param name="left">What the former directory says.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public static async Task OpenCopyAsync(IDatabase next, DirectoryFence left, CancellationToken cancellation)
    {
        var there = await DirectoryFence.ReadAsync(next, cancellation);
        if (there.State == DirectoryState.Sealed && there.Id == left.Other && there.Attempt == left.Attempt)
        {
            await DirectoryFence.ChangeAsync(next, there, there with { State = DirectoryState.Home, Epoch = left.Epoch, Mover = null }, cancellation);
            there = await DirectoryFence.ReadAsync(next, cancellation);
        }

        if (there.Id != left.Other || there.State is not (DirectoryState.Home or DirectoryState.Moving or DirectoryState.Frozen))
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "The directory has moved to another database than the one that this node's configuration names as next_directory, or on from there.");
        }
    }

    /// <summary>A database's row; it gets its id, if it has none.</summary>
    private static async Task<DirectoryFence> NameAsync(IDatabase database, CancellationToken cancellation)
    {
        var fence = await DirectoryFence.ReadAsync(database, cancellation);
        if (fence.Id.Length > 0)
        {
            return fence;
        }

        await DirectoryFence.ChangeAsync(database, fence, fence with { Id = Guid.NewGuid().ToString() }, cancellation);
        return await DirectoryFence.ReadAsync(database, cancellation);
    }

    private async Task WaitAsync(IDatabase database, DirectoryFence fence, TimeSpan waited, CancellationToken cancellation)
    {
        if (fence.State == DirectoryState.Left)
        {
            await FollowAsync(fence, cancellation);
        }
        else if (fence.State != DirectoryState.Frozen)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "What this node takes for the directory is not: its configuration is another than it was.");
        }
        else if (waited > _givesUpAfter)
        {
            await DirectoryFence.ChangeAsync(database, fence, Thawed(fence), cancellation);
        }
        else
        {
            await Task.Delay(_asksEvery, _time, cancellation);
        }
    }

    /// <summary>What a frozen directory becomes that does not move: its mover compares the whole row, and decides nothing any more.</summary>
    public static DirectoryFence Thawed(DirectoryFence frozen) => frozen with { State = DirectoryState.Home, Epoch = frozen.Epoch + 1, Mover = null };

    private void RefuseIfLost()
    {
        if (_isLost)
        {
            throw Lost();
        }
    }

    private static HoldfastException Lost() => new(FailureTable.ServiceUnavailable, "The directory has moved to another database, which this node's configuration does not name: set `directory` in holdfastd.json to it, and restart this node.");

    private async Task FollowAsync(DirectoryFence left, CancellationToken cancellation)
    {
        var (next, was) = (_next, _current);
        if (next is null)
        {
            // Another request of this node was faster; or there is none to go to.
            if ((await DirectoryFence.ReadAsync(was, cancellation)).State != DirectoryState.Left)
            {
                return;
            }

            _isLost = true;
            throw Lost();
        }

        await OpenCopyAsync(next, left, cancellation);
        (_current, _next) = (next, null);
    }
}
