using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>How a move of the directory went, or goes.</summary>
/// <param name="Rows">Rows that the directory has.</param>
/// <param name="Copied">Rows that were written to the other database, some of them more than once.</param>
/// <param name="Passes">How often all was compared.</param>
/// <param name="Paused">How long writes waited.</param>
internal sealed record DirectoryProgress(long Rows, long Copied, int Passes, TimeSpan? Paused)
{
    public static DirectoryProgress Begin { get; } = new(0, 0, 0, null);
}

/// <summary>
/// Moves the directory to another database while it is used: compares and copies until little differs, freezes it, compares and copies once more, seals the copy, and leaves. The freeze and the leaving are compare-and-sets on the one row that each
/// write looks at; until the row says that it is left, any node may give the move up, and from then on each one that looks goes on in the copy.
/// </summary>
internal sealed class DirectoryMover(IDatabase source, IDatabase target, string name, TimeProvider time)
{
    /// <summary>With no more to write than that the last pass takes as long as comparing does.</summary>
    private const int ChangedFew = 200;
    private const int PassesMost = 8;
    private const int TriesMost = 60;

    /// <summary>The first schema whose programs look at the row.</summary>
    private const int FencedSince = 12;

    private static readonly TimeSpan _triesEvery = TimeSpan.FromSeconds(1);

    /// <summary>Moves it.</summary>
    /// <param name="pauseMost">Writes wait for no longer; if the last pass takes longer, it is given up.</param>
    /// <param name="progress">Hears how far it is, after each pass; fails if it is to go no further.</param>
    /// <param name="cancellation">Stops it; what is frozen goes on first.</param>
    /// <exception cref="HoldfastException">move_refused: it was given up, and the directory is where it was.</exception>
    public async Task<DirectoryProgress> RunAsync(TimeSpan pauseMost, Func<DirectoryProgress, Task> progress, CancellationToken cancellation)
    {
        var (moving, incoming) = await BeginAsync(cancellation);
        var copy = new DirectoryCopy(source, target, incoming);
        var done = DirectoryProgress.Begin;
        var changed = long.MaxValue;
        while (changed > ChangedFew && done.Passes < PassesMost)
        {
            (var rows, changed) = await copy.BringAsync(cancellation);
            done = done with { Rows = rows, Copied = done.Copied + changed, Passes = done.Passes + 1 };
            await progress(done);
        }

        var frozen = moving with { State = DirectoryState.Frozen, Epoch = moving.Epoch + 1 };
        var began = time.GetTimestamp();
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        using var timer = time.CreateTimer(_ => limit.Cancel(), null, pauseMost, Timeout.InfiniteTimeSpan);
        try
        {
            if (!await DirectoryFence.ChangeAsync(source, moving, frozen, limit.Token))
            {
                throw new HoldfastException(FailureTable.MoveRefused, "The move was given up, or somebody else moves the directory now.");
            }

            var (rows, last) = await copy.BringAsync(limit.Token);
            done = done with { Rows = rows, Copied = done.Copied + last, Passes = done.Passes + 1 };
            if (!await DirectoryFence.ChangeAsync(target, incoming, incoming with { State = DirectoryState.Sealed }, limit.Token))
            {
                throw new HoldfastException(FailureTable.MoveRefused, "Somebody else moves the directory now.");
            }
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            await ThawAsync(frozen);
            throw new HoldfastException(FailureTable.MoveRefused, $"Writes to the directory would have waited for more than {pauseMost.TotalSeconds:0.#} seconds: it stays where it is. Allow more, or try again when less is written.", exception);
        }
        catch
        {
            await ThawAsync(frozen);
            throw;
        }

        await LeaveAsync(frozen);
        return done with { Paused = time.GetElapsedTime(began) };
    }

    /// <summary>Who moves it, and by which attempt, is written down in both databases before anything is copied.</summary>
    private async Task<(DirectoryFence Moving, DirectoryFence Incoming)> BeginAsync(CancellationToken cancellation)
    {
        var (here, there) = (await DirectoryFence.ReadAsync(source, cancellation), await DirectoryFence.ReadAsync(target, cancellation));
        if (here.State == DirectoryState.Frozen)
        {
            // Whoever froze it was killed, or is about to decide: one of the two comes first.
            await DirectoryFence.ChangeAsync(source, here, DirectoryHome.Thawed(here), cancellation);
            here = await DirectoryFence.ReadAsync(source, cancellation);
        }

        await CheckAsync(here, there, cancellation);
        var attempt = Math.Max(here.Attempt, there.Attempt) + 1;
        var moving = here with { State = DirectoryState.Moving, Attempt = attempt, Other = there.Id, Mover = name };
        var incoming = there with { State = DirectoryState.Incoming, Attempt = attempt, Other = here.Id, Mover = name };
        await RefuseOlderAsync(source, cancellation);
        await RefuseOlderAsync(target, cancellation);
        return await DirectoryFence.ChangeAsync(source, here, moving, cancellation) && await DirectoryFence.ChangeAsync(target, there, incoming, cancellation)
            ? (moving, incoming)
            : throw new HoldfastException(FailureTable.MoveRefused, "Somebody else moves the directory now.");
    }

    /// <summary>A program that does not look at the row would go on in the former directory, or write past the next freeze: from now on it does not start.</summary>
    private static Task RefuseOlderAsync(IDatabase database, CancellationToken cancellation) => database.WriteAsync(
        transaction => transaction.ExecuteAsync($"UPDATE holdfast_schema SET oldest = {FencedSince} WHERE kind = 'Directory' AND oldest < {FencedSince}"), cancellation);

    /// <summary>Fails unless the one can become the other.</summary>
    public async Task CheckAsync(CancellationToken cancellation) => await CheckAsync(await DirectoryFence.ReadAsync(source, cancellation), await DirectoryFence.ReadAsync(target, cancellation), cancellation);

    private async Task CheckAsync(DirectoryFence here, DirectoryFence there, CancellationToken cancellation)
    {
        if (!here.IsOpen)
        {
            throw new HoldfastException(FailureTable.MoveRefused, "The directory is not in this database any more.");
        }

        var isOwnCopy = there.State is DirectoryState.Incoming or DirectoryState.Sealed && there.Other == here.Id;
        if (!isOwnCopy && there.State is not (DirectoryState.New or DirectoryState.Left))
        {
            throw new HoldfastException(FailureTable.MoveRefused, there.State is DirectoryState.Incoming or DirectoryState.Sealed
                ? "The other database holds a copy that was begun from another directory: empty it first. Nothing is written to it." : "The other database is a directory of its own: nothing is written to it.");
        }

        if (there.State == DirectoryState.New)
        {
            var known = await target.AskAsync(transaction => transaction.FindAsync<long>("SELECT (SELECT count(*) FROM accounts) + (SELECT count(*) FROM people) + (SELECT count(*) FROM operators)"), cancellation);
            if (known > 0)
            {
                throw new HoldfastException(FailureTable.MoveRefused, $"The other database has {known} accounts, people and operators, and no move put them there: nothing is written to it.");
            }
        }

        foreach (var database in (IDatabase[])[source, target])
        {
            var (found, known) = (await database.AskAsync(transaction => transaction.FindAsync<long>("SELECT number FROM holdfast_schema WHERE kind = 'Directory'"), cancellation), SchemaUpgrade.NewestOf(DatabaseKind.Directory));
            if (found != known)
            {
                throw new HoldfastException(FailureTable.MoveRefused, $"A database has schema {found} of the directory, and this program knows {known}: what is new there would be left behind. Move it when all nodes are of the same version.");
            }
        }

        var (from, to) = (await source.ColumnsAsync(cancellation), await target.ColumnsAsync(cancellation));
        foreach (var table in DirectoryTables.Names)
        {
            var (own, others) = (from.GetValueOrDefault(table) ?? [], to.GetValueOrDefault(table) ?? []);
            if (!own.Order().SequenceEqual(others.Order()))
            {
                throw new HoldfastException(FailureTable.MoveRefused, $"The table {table} has other columns here than in the other database: {string.Join(", ", own.Except(others).Concat(others.Except(own)))}.");
            }
        }
    }

    /// <summary>The point of no return. Whether it was reached is asked until somebody answers; nodes that wait give the move up meanwhile, or go on in the copy.</summary>
    private async Task LeaveAsync(DirectoryFence frozen)
    {
        var left = frozen with { State = DirectoryState.Left, Epoch = frozen.Epoch + 1, Mover = null };
        for (var tries = 1; ; tries++)
        {
            try
            {
                if (!await DirectoryFence.ChangeAsync(source, frozen, left, CancellationToken.None))
                {
                    throw new HoldfastException(FailureTable.MoveRefused, "Writers had waited for too long, and the move was given up.");
                }

                await DirectoryHome.OpenCopyAsync(target, left, CancellationToken.None);
                return;
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable && tries < TriesMost)
            {
                await Task.Delay(_triesEvery, time, CancellationToken.None);
            }
        }
    }

    private async Task ThawAsync(DirectoryFence frozen)
    {
        try
        {
            await DirectoryFence.ChangeAsync(source, frozen, DirectoryHome.Thawed(frozen), CancellationToken.None);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
        {
            // Its database is away: who waits there gives the move up.
        }
    }
}
