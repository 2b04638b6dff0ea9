using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>Moves the directory as an operator asked. The job itself lies in the directory: it begins in the one database and ends in the other.</summary>
internal sealed class DirectoryMoveJob(DirectoryHome home, DirectoryMoveTable table, Actuals actuals, string node, TimeProvider time) : IJobKind
{
    public const string JobName = "directory-move";

    private const int TriesMost = 5;

    private static readonly TimeSpan _triesAgain = TimeSpan.FromSeconds(10);

    public string Name => JobName;

    public bool IsLong => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await table.FindAsync(cancellation) is not { State: DirectoryMove.Running } move)
        {
            return null;
        }

        if ((await DirectoryFence.ReadAsync(home, cancellation)).Id != move.From)
        {
            // Who moved it was killed before it could say so.
            return await EndAsync(lease, move with { State = DirectoryMove.Moved }, cancellation);
        }

        if (home.Next is not { } next)
        {
            return time.GetUtcNow() + _triesAgain;
        }

        try
        {
            var mover = new DirectoryMover(home.Current, next, $"{node}:{Guid.NewGuid():N}", time);
            var done = await mover.RunAsync(TimeSpan.FromSeconds(move.PauseMostSeconds), progress => lease.SaveAsync($"{progress.Passes} times compared, {progress.Copied} rows copied", cancellation), cancellation);
            return await EndAsync(lease, (move with { State = DirectoryMove.Moved, Failure = null }).With(done), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.MoveRefused)
        {
            return await FailAsync(move, exception.Message, cancellation);
        }
    }

    private async Task<DateTimeOffset?> FailAsync(DirectoryMove move, string failure, CancellationToken cancellation)
    {
        if (await table.FindAsync(cancellation) is not { State: DirectoryMove.Running } now || now.StartedAt != move.StartedAt)
        {
            // The operator gave it up.
            return null;
        }

        var isOver = move.Tries + 1 >= TriesMost;
        await table.WriteAsync(move with { State = isOver ? DirectoryMove.Failed : move.State, Tries = move.Tries + 1, Failure = failure, EndedAt = isOver ? time.GetUtcNow().ToUnixTimeSeconds() : null }, cancellation);
        return isOver ? null : time.GetUtcNow() + _triesAgain;
    }

    private async Task<DateTimeOffset?> EndAsync(JobLease lease, DirectoryMove move, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        await actuals.KeepAsync(lease.Job.Id, new Actual(JobName, "", now, move.Rows, move.Copied, 1000 * Math.Max(0, now - move.StartedAt), 1, "database"), cancellation);
        await table.WriteAsync(move with { EndedAt = now }, cancellation);
        return null;
    }
}
