using Holdfast.Authority.Admitting;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>Moves the directory as an operator asked. The job itself lies in the directory: it begins in the one database and ends in the other.</summary>
internal sealed class DirectoryMoveJob(DirectoryHome home, DirectoryMoveTable table, LiveNodes nodes, Actuals actuals, string node, TimeProvider time) : IJobKind
{
    public const string JobName = "directory-move";

    private const int TriesMost = 5;

    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(10);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await table.FindAsync(cancellation) is not { State: DirectoryMove.Running } move)
        {
            await StayAsync(home.Current, cancellation);
            return null;
        }

        if ((await DirectoryFence.ReadAsync(home, cancellation)).Id != move.From)
        {
            // Who moved it was killed before it could say so.
            return await EndAsync(lease, move with { State = DirectoryMove.Moved }, cancellation);
        }

        if (home.Next is not { } next || home.NextId != move.To)
        {
            // Another node's.
            return time.GetUtcNow() + _triesAgain;
        }

        try
        {
            var mover = new DirectoryMover(home.Current, next, $"{node}:{Guid.NewGuid():N}", time);
            var done = await mover.RunAsync(TimeSpan.FromSeconds(move.PauseMostSeconds), progress => CheckAsync(lease, move, progress, cancellation), cancellation);
            return await EndAsync(lease, (move with { State = DirectoryMove.Moved, Failure = null }).With(done), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.MoveRefused)
        {
            return await FailAsync(move, exception.Message, cancellation);
        }
    }

    /// <summary>After each pass: fails if the operator gave it up, or if a node has come that would be left behind.</summary>
    private async Task CheckAsync(JobLease lease, DirectoryMove move, DirectoryProgress progress, CancellationToken cancellation)
    {
        await lease.SaveAsync($"{progress.Passes} times compared, {progress.Copied} rows copied", cancellation);
        if (!IsSame(await table.FindAsync(cancellation), move))
        {
            throw new HoldfastException(FailureTable.MoveRefused, "The move was given up.");
        }

        if (await nodes.UnableAsync(facts => facts.NextDirectory == move.To, cancellation) is { Count: > 0 } unable)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"Nodes came that would be left behind: {string.Join(", ", unable)}.");
        }
    }

    private async Task<DateTimeOffset?> FailAsync(DirectoryMove move, string failure, CancellationToken cancellation)
    {
        var isOver = move.Tries + 1 >= TriesMost;
        var now = await table.ChangeAsync(found => IsSame(found, move)
            ? move with { State = isOver ? DirectoryMove.Failed : move.State, Tries = move.Tries + 1, Failure = failure, EndedAt = isOver ? time.GetUtcNow().ToUnixTimeSeconds() : null } : null, cancellation);
        if (now is { State: DirectoryMove.Running })
        {
            // Perhaps another one, that the operator asked for meanwhile.
            return time.GetUtcNow() + (IsSame(now, move) ? _triesAgain : TimeSpan.Zero);
        }

        await StayAsync(home.Current, cancellation);
        return null;
    }

    /// <summary>What is not moved any more is not said to be.</summary>
    public static async Task StayAsync(IDatabase database, CancellationToken cancellation)
    {
        if (await DirectoryFence.ReadAsync(database, cancellation) is { State: DirectoryState.Moving } moving)
        {
            await DirectoryFence.ChangeAsync(database, moving, DirectoryHome.Thawed(moving), cancellation);
        }
    }

    /// <summary>The move still is the one that the operator asked for last, and neither ended nor given up.</summary>
    private static bool IsSame(DirectoryMove? found, DirectoryMove move) => found is { State: DirectoryMove.Running } && found.StartedAt == move.StartedAt;

    private async Task<DateTimeOffset?> EndAsync(JobLease lease, DirectoryMove move, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        await actuals.KeepAsync(lease.Job.Id, new Actual(JobName, "", now, move.Rows, move.Copied, 1000 * Math.Max(0, now - move.StartedAt), 1, "database"), cancellation);
        return await table.ChangeAsync(found => IsSame(found, move) ? move with { EndedAt = now } : null, cancellation) is { State: DirectoryMove.Running } ? time.GetUtcNow() : null;
    }
}
