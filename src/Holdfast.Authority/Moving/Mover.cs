using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>What became of a move.</summary>
internal enum MoveOutcome
{
    /// <summary>The target is home.</summary>
    Moved,

    /// <summary>The source is home as before, and nothing is left of the attempt.</summary>
    GivenUp,

    /// <summary>Somebody else works on it.</summary>
    Elsewhere,
}

/// <summary>
/// Moves one account: <b>copy</b> while it is used → <b>tail</b> by version until little is left → <b>fence</b> → <b>drain</b> → <b>seal</b> → <b>digest</b> → <b>decide</b> → <b>route</b>. May be killed at any point and run again,
/// by anybody, several at a time: the directory's row decides, and says what to do next.
/// </summary>
/// <param name="ledger">The directory.</param>
/// <param name="sides">The stores, by name.</param>
/// <param name="name">This mover's name, which no other has, nor had it before.</param>
/// <param name="settings">How much at once.</param>
internal sealed class Mover(IMoveLedger ledger, IReadOnlyDictionary<string, IMoveSide> sides, string name, MoverSettings settings)
{
    /// <summary>Moves an account, or goes on with its move.</summary>
    public async Task<MoveOutcome> MoveAsync(AccountId account, string target, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        if (row.State == MoveState.None)
        {
            if (row.Home == target)
            {
                return MoveOutcome.Moved;
            }

            // Recorded before anything is made: who comes after a kill knows what there may be.
            var begun = row with { State = MoveState.Copying, Other = target, Attempt = row.Attempt + 1, Mover = name };
            if (!await ledger.ChangeAsync(account, row, begun, cancellation))
            {
                return MoveOutcome.Elsewhere;
            }

            row = begun;
        }
        else if (row.State == MoveState.Copying && row.Mover != name)
        {
            var taken = row with { Mover = name };
            if (!await ledger.ChangeAsync(account, row, taken, cancellation))
            {
                return MoveOutcome.Elsewhere;
            }

            row = taken;
        }

        return row.State == MoveState.Copying ? await CopyAsync(account, row, cancellation) : await RecoverAsync(account, cancellation);
    }

    /// <summary>Ends what somebody began and did not end: gives up what is not decided, completes what is. Any node may, at any time.</summary>
    public async Task<MoveOutcome> RecoverAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        if (row.State is MoveState.Copying or MoveState.Fencing)
        {
            return await GiveUpAsync(account, row, cancellation);
        }

        switch (row.State)
        {
            case MoveState.Aborting:
                await UndoAsync(account, row, cancellation);
                return MoveOutcome.GivenUp;
            case MoveState.Decided:
                await RouteAsync(account, row, cancellation);
                return MoveOutcome.Moved;
            case MoveState.Retiring:
                await EndRetiringAsync(account, row, cancellation);
                return MoveOutcome.Moved;
            default:
                return row.State == MoveState.Reverse ? MoveOutcome.Moved : MoveOutcome.Elsewhere;
        }
    }

    /// <summary>Goes the way back while there is one: the former home has all rows up to when it was left, so only what was written since is copied.</summary>
    public async Task<MoveOutcome> ReverseAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        var begun = row with { State = MoveState.Copying, Attempt = row.Attempt + 1, Mover = name };
        return row.State == MoveState.Reverse && await ledger.ChangeAsync(account, row, begun, cancellation) ? await CopyAsync(account, begun, cancellation) : MoveOutcome.Elsewhere;
    }

    /// <summary>Ends the time in which there is a way back: deletes what the former home has.</summary>
    public async Task RetireAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        if (row.State == MoveState.Reverse)
        {
            var retiring = row with { State = MoveState.Retiring, Mover = name };
            if (!await ledger.ChangeAsync(account, row, retiring, cancellation))
            {
                return;
            }

            row = retiring;
        }

        if (row.State == MoveState.Retiring)
        {
            await EndRetiringAsync(account, row, cancellation);
        }
    }

    private async Task<MoveOutcome> CopyAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        var (source, target) = (sides[row.Home], sides[row.Other!]);
        if (!await target.PrepareAsync(account, row.Epoch, row.Attempt, name, cancellation))
        {
            return await GiveUpAsync(account, row, cancellation);
        }

        // The source is read until little is left: what is written meanwhile comes with the next pieces.
        for (var rounds = 0; rounds < settings.RoundsMost; rounds++)
        {
            var rows = await ForwardAsync(account, row, source, target, cancellation);
            if (rows is null)
            {
                return MoveOutcome.Elsewhere;
            }

            if (rows.IsAll || rows.Version - rows.Position.Version <= settings.LagMost)
            {
                return await FenceAsync(account, row, cancellation);
            }
        }

        return await GiveUpAsync(account, row, cancellation);
    }

    /// <summary>Takes one piece over; null if the place is somebody else's.</summary>
    private async Task<MovedRows?> ForwardAsync(AccountId account, MoveRow row, IMoveSide source, IMoveSide target, CancellationToken cancellation)
    {
        var position = await target.PositionAsync(account, row.Attempt, name, cancellation);
        var rows = await source.ReadRowsAsync(account, position, settings.RowsAtOnce, cancellation);
        return await target.ApplyAsync(account, row.Attempt, name, rows, cancellation) ? rows : null;
    }

    /// <summary>From here on writers wait: every step is short, and whatever goes wrong gives up.</summary>
    private async Task<MoveOutcome> FenceAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        var fencing = row with { State = MoveState.Fencing };
        if (!await ledger.ChangeAsync(account, row, fencing, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        var (source, target) = (sides[row.Home], sides[row.Other!]);
        if (!await source.FenceAsync(account, row.Epoch, cancellation))
        {
            return await GiveUpAsync(account, fencing, cancellation);
        }

        MovedRows? rows;
        do
        {
            rows = await ForwardAsync(account, row, source, target, cancellation);
        }
        while (rows is { IsAll: false });
        if (rows is null || !await target.SealAsync(account, row.Attempt, name, rows.Version, cancellation))
        {
            return await GiveUpAsync(account, fencing, cancellation);
        }

        var (there, here) = (await target.DigestAsync(account, cancellation), await source.DigestAsync(account, cancellation));
        if (!there.AsSpan().SequenceEqual(here))
        {
            return await GiveUpAsync(account, fencing, cancellation);
        }

        var decided = fencing with { State = MoveState.Decided, Home = row.Other!, Other = row.Home, Epoch = row.Epoch + 1 };
        if (!await ledger.ChangeAsync(account, fencing, decided, cancellation))
        {
            // Somebody whose writer waited too long gave up: exactly one of both succeeded.
            return MoveOutcome.Elsewhere;
        }

        await RouteAsync(account, decided, cancellation);
        return MoveOutcome.Moved;
    }

    private async Task<MoveOutcome> GiveUpAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        // Two epochs on: a fence that is still on its way names one that is past.
        var aborting = row with { State = MoveState.Aborting, Epoch = row.Epoch + 2, Mover = name };
        if (!await ledger.ChangeAsync(account, row, aborting, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        await UndoAsync(account, aborting, cancellation);
        return MoveOutcome.GivenUp;
    }

    private async Task UndoAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        await sides[row.Home].ThawAsync(account, row.Epoch, cancellation);
        await sides[row.Other!].DiscardAsync(account, row.Epoch, row.Attempt, cancellation);
        await ledger.ChangeAsync(account, row, row with { State = MoveState.None, Other = null, Mover = null }, cancellation);
    }

    private async Task RouteAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        await sides[row.Home].OpenAsync(account, row.Epoch, cancellation);
        await sides[row.Other!].LeaveAsync(account, row.Epoch, cancellation);
        await ledger.ChangeAsync(account, row, row with { State = MoveState.Reverse }, cancellation);
    }

    private async Task EndRetiringAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        while (!await sides[row.Other!].RetireAsync(account, row.Epoch, settings.RowsAtOnce, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
        }

        await ledger.ChangeAsync(account, row, row with { State = MoveState.None, Other = null, Mover = null }, cancellation);
    }
}

/// <summary>How a mover goes on.</summary>
/// <param name="RowsAtOnce">Rows that are read and written together.</param>
/// <param name="LagMost">Writes that may be left when the source is fenced: they are drained while writers wait.</param>
/// <param name="RoundsMost">Pieces until it is given up: an account that is written to faster than it can be copied.</param>
internal sealed record MoverSettings(int RowsAtOnce = 2000, long LagMost = 100, int RoundsMost = 1_000_000);
