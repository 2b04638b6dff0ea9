using Holdfast.Authority.Admitting;
using Holdfast.Authority.Jobs;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>Moves of the directory to another database, as operators ask for them.</summary>
internal sealed class DirectoryMoves(DirectoryHome home, DirectoryMoveTable table, LiveNodes nodes, JobTable jobs, TimeProvider time)
{
    private const int PauseDefault = 5;

    /// <summary>Nodes that wait give it up soon after; accounts' writers wait for no more than 15 seconds for anything.</summary>
    private const int PauseMost = 10;

    /// <summary>Looks whether the directory can move to the database that the configuration names as the next one, and has it moved, unless <see cref="StartDirectoryMove.IsDry"/>.</summary>
    public async Task<DirectoryMoveStatus> StartAsync(StartDirectoryMove asked, CancellationToken cancellation)
    {
        var pause = asked.PauseMostSeconds ?? PauseDefault;
        if (pause is < 1 or > PauseMost)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"Writes may wait for 1 to {PauseMost} seconds.");
        }

        if (home.Next is not { } next)
        {
            throw new HoldfastException(FailureTable.MoveRefused, "No other database is known: name it as next_directory in holdfastd.json of every node, and restart them one after the other.");
        }

        var id = home.NextId!;
        if (await nodes.UnableAsync(facts => facts.NextDirectory == id, cancellation) is { Count: > 0 } unable)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"Nodes would be left behind that are of another version, or whose next_directory is not the same database: {string.Join(", ", unable)}. (One that was killed is forgotten after a minute.)");
        }

        await new DirectoryMover(home.Current, next, "", time).CheckAsync(cancellation);
        var from = (await DirectoryFence.ReadAsync(home, cancellation)).Id;
        var move = new DirectoryMove(asked.IsDry ? "dry run" : DirectoryMove.Running, from, id, pause, time.GetUtcNow().ToUnixTimeSeconds());
        if (!asked.IsDry)
        {
            await table.BeginAsync(move, cancellation);
            await jobs.HurryAsync(DirectoryMoveJob.JobName, "", cancellation);
        }

        return await StatusAsync(move, cancellation);
    }

    /// <summary>Has a move worked on that has not ended.</summary>
    public Task ContinueAsync(CancellationToken cancellation) => table.ChangeAsync(found => found is { State: DirectoryMove.Running } ? found : null, cancellation);

    public async Task<DirectoryMoveStatus> StatusAsync(CancellationToken cancellation) => await StatusAsync(await FindAsync(cancellation), cancellation);

    /// <summary>Gives a move up that has not been decided. The directory stays where it is; what was copied is compared if it is moved later.</summary>
    public async Task<DirectoryMoveStatus> AbortAsync(CancellationToken cancellation)
    {
        var move = await FindAsync(cancellation);
        var (database, fence) = (home.Current, await DirectoryFence.ReadAsync(home.Current, cancellation));
        if (move.State != DirectoryMove.Running && fence.State is not (DirectoryState.Moving or DirectoryState.Frozen))
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"The directory does not move: its last move is {move.State}.");
        }

        var isOver = (move.State == DirectoryMove.Running && fence.Id != move.From) || fence.State == DirectoryState.Left
            || (fence.State is DirectoryState.Moving or DirectoryState.Frozen && !await DirectoryFence.ChangeAsync(database, fence, DirectoryHome.Thawed(fence), cancellation));
        if (isOver)
        {
            throw new HoldfastException(FailureTable.MoveRefused, "It has just been decided, or begun anew: look again (`holdfast admin move directory status`).");
        }

        await table.ChangeAsync(found => found is { State: DirectoryMove.Running } && found.StartedAt == move.StartedAt
            ? move with { State = DirectoryMove.Aborted, EndedAt = time.GetUtcNow().ToUnixTimeSeconds() } : null, cancellation);
        return await StatusAsync(cancellation);
    }

    private async Task<DirectoryMove> FindAsync(CancellationToken cancellation) => await table.FindAsync(cancellation) ?? throw new HoldfastException(FailureTable.NotFound, "The directory was never moved.");

    private async Task<DirectoryMoveStatus> StatusAsync(DirectoryMove move, CancellationToken cancellation)
    {
        var job = move.State == DirectoryMove.Running ? await jobs.FindLatestAsync(DirectoryMoveJob.JobName, cancellation) : null;
        return new DirectoryMoveStatus(move.State, move.From, move.To, move.PauseMostSeconds, move.StartedAt, move.EndedAt, move.Rows, move.Copied, move.Passes, move.PausedMs, job?.Progress, job?.Failure ?? move.Failure);
    }
}
