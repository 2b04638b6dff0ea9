using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>What became of a move.</summary>
internal enum MoveOutcome
{
    /// <summary>The target is home.</summary>
    Moved,

    /// <summary>The source is home as before, and nothing is left of the attempt.</summary>
    GivenUp,

    /// <summary>Somebody else works on it, or another move has not ended: this one was not begun.</summary>
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
/// <param name="time">The clock, which bounds how long writers wait.</param>
internal sealed class Mover(IMoveLedger ledger, IReadOnlyDictionary<string, IMoveSide> sides, string name, MoverSettings settings, TimeProvider time)
{
    /// <summary>Moves an account, or goes on with its move to that target.</summary>
    public async Task<MoveOutcome> MoveAsync(AccountId account, string target, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        switch (row.State)
        {
            case MoveState.None when row.Home == target:
            case MoveState.Reverse when row.Home == target:
                return MoveOutcome.Moved;
            case MoveState.None:
                // Recorded before anything is made: who comes after a kill knows what there may be.
                return await CopyAsync(account, row, row with { State = MoveState.Copying, Other = target, Attempt = row.Attempt + 1, Mover = name }, cancellation);
            case MoveState.Copying when row.Other == target:
                return await CopyAsync(account, row, row with { Mover = name }, cancellation);
            default:
                await RecoverAsync(account, cancellation);
                row = await ledger.ReadAsync(account, cancellation);
                return row.Home == target && row.State is MoveState.None or MoveState.Reverse ? MoveOutcome.Moved : MoveOutcome.Elsewhere;
        }
    }

    /// <summary>Goes the way back while there is one: the former home has all rows up to when it was left, so only what was written since is copied. Given up, there is no way back any more.</summary>
    public async Task<MoveOutcome> ReverseAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        return row.State == MoveState.Reverse
            ? await CopyAsync(account, row, row with { State = MoveState.Copying, Attempt = row.Attempt + 1, Mover = name }, cancellation)
            : MoveOutcome.Elsewhere;
    }

    /// <summary>Gives a move up that is not decided; one that is is completed.</summary>
    public async Task<MoveOutcome> AbortAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        return row.State is MoveState.Copying or MoveState.Fencing ? await GiveUpAsync(account, row, cancellation) : await RecoverAsync(account, cancellation);
    }

    /// <summary>Ends what keeps writers waiting, or was begun and not ended: gives up what is fencing, completes what is decided. Any node may, at any time; a copy that goes on is left alone.</summary>
    public async Task<MoveOutcome> RecoverAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        switch (row.State)
        {
            case MoveState.Fencing:
                return await GiveUpAsync(account, row, cancellation);
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
                return MoveOutcome.Elsewhere;
        }
    }

    /// <summary>Ends the time in which there is a way back: deletes what the former home has.</summary>
    public async Task RetireAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        var retiring = row with { State = MoveState.Retiring, Mover = name };
        if (row.State == MoveState.Reverse && await ledger.ChangeAsync(account, row, retiring, cancellation))
        {
            await EndRetiringAsync(account, retiring, cancellation);
        }
    }

    /// <summary>Begins or takes over, then copies: what is written meanwhile comes with the next pieces.</summary>
    private async Task<MoveOutcome> CopyAsync(AccountId account, MoveRow from, MoveRow row, CancellationToken cancellation)
    {
        if (!await ledger.ChangeAsync(account, from, row, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        var (source, target) = (sides[row.Home], sides[row.Other!]);
        var isPrepared = false;
        for (var rounds = 0; rounds < settings.RoundsMost; rounds++)
        {
            if (!isPrepared && !await target.PrepareAsync(account, row.Epoch, row.Attempt, name, cancellation))
            {
                return await GiveUpAsync(account, row, cancellation);
            }

            var rows = await ForwardAsync(account, row, source, target, cancellation);
            isPrepared = rows is not null;
            if (rows is null && await ledger.ReadAsync(account, cancellation) != row)
            {
                return MoveOutcome.Elsewhere;
            }

            // Rows, not versions: one write may have many.
            if (rows is { IsAll: true } && rows.Rows.Count <= settings.LagMost)
            {
                return await FenceAsync(account, row, source, target, cancellation);
            }
        }

        return await GiveUpAsync(account, row, cancellation);
    }

    /// <summary>Takes one piece over; null if the place is somebody else's: of a mover that was faster, or of one that comes late.</summary>
    private async Task<MovedRows?> ForwardAsync(AccountId account, MoveRow row, IMoveSide source, IMoveSide target, CancellationToken cancellation)
    {
        var position = await target.PositionAsync(account, row.Attempt, name, cancellation);
        var rows = await source.ReadRowsAsync(account, position, settings.RowsAtOnce, cancellation);
        return await target.ApplyAsync(account, row.Attempt, name, rows, cancellation) ? rows : null;
    }

    /// <summary>From here on writers wait: for so long and no longer, and whatever goes wrong gives up.</summary>
    private async Task<MoveOutcome> FenceAsync(AccountId account, MoveRow row, IMoveSide source, IMoveSide target, CancellationToken cancellation)
    {
        var fencing = row with { State = MoveState.Fencing };
        if (!await ledger.ChangeAsync(account, row, fencing, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        var decided = fencing with { State = MoveState.Decided, Home = row.Other!, Other = row.Home, Epoch = row.Epoch + 1 };
        try
        {
            // Not the caller's token: whoever asked for the move may be gone, writers are not.
            using var freeze = new CancellationTokenSource(settings.FreezeMost, time);
            if (!await IsEqualAsync(account, row, source, target, freeze.Token))
            {
                return await GiveUpAsync(account, fencing, CancellationToken.None);
            }

            if (!await ledger.ChangeAsync(account, fencing, decided, freeze.Token))
            {
                // Somebody whose writer waited too long gave up: exactly one of both succeeded.
                return MoveOutcome.Elsewhere;
            }
        }
        catch
        {
            // The decision may have been made, and its answer lost: the row says which.
            await RecoverAsync(account, CancellationToken.None);
            throw;
        }

        await RouteAsync(account, decided, CancellationToken.None);
        return MoveOutcome.Moved;
    }

    /// <summary>Fences the source, takes the rest over, seals, and compares.</summary>
    private async Task<bool> IsEqualAsync(AccountId account, MoveRow row, IMoveSide source, IMoveSide target, CancellationToken cancellation)
    {
        if (!await source.FenceAsync(account, row.Epoch, cancellation))
        {
            return false;
        }

        MovedRows? rows;
        do
        {
            rows = await ForwardAsync(account, row, source, target, cancellation);
        }
        while (rows is { IsAll: false });
        if (rows is null || !await target.SealAsync(account, row.Attempt, name, rows, cancellation))
        {
            return false;
        }

        var (there, here) = (await target.DigestAsync(account, cancellation), await source.DigestAsync(account, cancellation));
        return there.AsSpan().SequenceEqual(here);
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
