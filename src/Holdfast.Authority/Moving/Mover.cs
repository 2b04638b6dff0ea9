using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Moves one account: <b>copy</b> while it is used → <b>tail</b> by version until little is left → <b>verify</b> → <b>fence</b> → <b>drain</b> → <b>seal</b> → <b>digest</b> → <b>decide</b> → <b>route</b>. May be killed at any point and run again,
/// by anybody, several at a time: the directory's row decides, and says what to do next.
/// </summary>
/// <param name="ledger">The directory.</param>
/// <param name="sides">The stores, by name.</param>
/// <param name="name">This mover's name, which no other has, nor had it before.</param>
/// <param name="settings">How much at once.</param>
/// <param name="time">The clock, which bounds how long writers wait.</param>
/// <param name="turns">This node's freezes and large pieces, which take turns. Null if that does not matter.</param>
internal sealed partial class Mover(IMoveLedger ledger, IReadOnlyDictionary<string, IMoveSide> sides, string name, MoverSettings settings, TimeProvider time, MoveTurns? turns = null)
{
    /// <summary>Moves an account, or goes on with its move to that target.</summary>
    public async Task<MoveOutcome> MoveAsync(AccountId account, string target, MoveWatch watch, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        switch (row.State)
        {
            case MoveState.None when row.Home == target:
            case MoveState.Reverse when row.Home == target:
                return MoveOutcome.Moved;
            case MoveState.None:
                // Recorded before anything is made: who comes after a kill knows what there may be.
                return await CopyAsync(account, row, row with { State = MoveState.Copying, Other = target, Attempt = row.Attempt + 1, Mover = name }, watch, cancellation);
            case MoveState.Copying when row.Other == target:
                return await CopyAsync(account, row, row with { Mover = name }, watch, cancellation);
            default:
                await RecoverAsync(account, cancellation);
                row = await ledger.ReadAsync(account, cancellation);
                return row.Home == target && row.State is MoveState.None or MoveState.Reverse ? MoveOutcome.Moved : MoveOutcome.Elsewhere;
        }
    }

    /// <summary>Goes the way back while there is one: the former home has all rows up to when it was left, so only what was written since is copied. Given up, there is no way back any more.</summary>
    public async Task<MoveOutcome> ReverseAsync(AccountId account, MoveWatch watch, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        return row.State == MoveState.Reverse
            ? await CopyAsync(account, row, row with { State = MoveState.Copying, Attempt = row.Attempt + 1, Mover = name }, watch, cancellation)
            : MoveOutcome.Elsewhere;
    }

    /// <summary>Gives a move up that is not decided; one that is is completed.</summary>
    public async Task<MoveOutcome> AbortAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        return row.State is MoveState.Copying or MoveState.Fencing ? await GiveUpAsync(account, row, null, "", cancellation) : await RecoverAsync(account, cancellation);
    }

    /// <summary>Ends what keeps writers waiting, or was begun and not ended: gives up what is fencing, completes what is decided. Any node may, at any time; a copy that goes on is left alone.</summary>
    public async Task<MoveOutcome> RecoverAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        switch (row.State)
        {
            case MoveState.Fencing:
                return await GiveUpAsync(account, row, null, "", cancellation);
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

    /// <summary>Lets writers go on, and no more: gives up what is fencing, opens what is decided. The rest waits for <see cref="RecoverAsync"/>: the other store may be away.</summary>
    public async Task ReleaseAsync(AccountId account, CancellationToken cancellation)
    {
        var row = await ledger.ReadAsync(account, cancellation);
        if (row.State == MoveState.Fencing)
        {
            var aborting = AbortingOf(row);
            row = await ledger.ChangeAsync(account, row, aborting, cancellation) ? aborting : await ledger.ReadAsync(account, cancellation);
        }

        switch (row.State)
        {
            case MoveState.Aborting:
                await SideOf(row.Home).ThawAsync(account, row.Epoch, cancellation);
                break;
            case MoveState.Decided:
                await SideOf(row.Home).OpenAsync(account, row.Epoch, cancellation);
                break;
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

    /// <summary>Begins or takes over, then copies: what is written meanwhile comes with the next pieces. Once little is left it is compared, and after that moved.</summary>
    private async Task<MoveOutcome> CopyAsync(AccountId account, MoveRow from, MoveRow row, MoveWatch watch, CancellationToken cancellation)
    {
        if (!await ledger.ChangeAsync(account, from, row, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        var (source, target) = (SideOf(row.Home), SideOf(row.Other!));
        var (copied, verified, sinceVerified) = ((RowPosition?)null, (long?)null, 0);
        for (var rounds = 0; rounds < settings.RoundsMost; rounds++)
        {
            if (copied is null && !await target.PrepareAsync(account, row.Epoch, row.Attempt, name, cancellation))
            {
                return await GiveUpAsync(account, row, watch, "The target has the account already, or a newer attempt is under way there.", cancellation);
            }

            await watch.PaceAsync(cancellation);
            var (rows, count, lastTook) = await ForwardAsync(account, row, copied, source, target, watch, isInTurn: false, cancellation);
            copied = rows?.Position;

            if (rows is null)
            {
                verified = null;
                if (await ledger.ReadAsync(account, cancellation) != row)
                {
                    return MoveOutcome.Elsewhere;
                }
            }

            // Rows, not versions: one write may have many.
            sinceVerified += count;
            if (!watch.Ready.IsCompletedSuccessfully)
            {
                // Much may have come meanwhile.
                await watch.Ready.WaitAsync(cancellation);
                continue;
            }

            if (rows is not { IsAll: true } || count > settings.LagMost)
            {
                continue;
            }

            // What was written since is compared while writers wait: it must be little. Before, it is compared without what was compared already.
            var began = time.GetTimestamp();
            var isVerified = verified is not null && sinceVerified <= settings.UnverifiedMost;
            if (!isVerified)
            {
                if (await new RowComparison(account, new VersionRange(verified ?? 0, rows.Position.Version), source, target, turns).FindDifferenceAsync(settings.RowsAtOnce, cancellation) is { } key)
                {
                    return await GiveUpAsync(account, row, watch, $"The row {key} is not the same in both stores.", cancellation);
                }

                (verified, sinceVerified) = (rows.Position.Version, 0);
            }

            // While a large account was compared more may have been written than writers should wait for.
            var isQuick = settings.PieceMost == Timeout.InfiniteTimeSpan ? isVerified : !IsLong(lastTook) && !IsLong(time.GetElapsedTime(began));
            if (isQuick)
            {
                var (outcome, position, more) = await FenceInTurnAsync(account, row, rows.Position, verified!.Value, settings.UnverifiedMost - sinceVerified, source, target, watch, cancellation);
                if (outcome is not null)
                {
                    return outcome.Value;
                }

                (copied, verified, sinceVerified) = (position, position is null ? null : verified, sinceVerified + more);
                if (position is null && await ledger.ReadAsync(account, cancellation) != row)
                {
                    return MoveOutcome.Elsewhere;
                }
            }
        }

        return await GiveUpAsync(account, row, watch, "It is written to faster than it can be copied, or the target is too slow.", cancellation);
    }

    /// <summary>Takes over all up to the version that was the last when it began, each piece while the next is read; the last piece, or null if the place is somebody else's: of a mover that was faster, or of one that comes late.</summary>
    /// <param name="account">Whose.</param>
    /// <param name="row">The move.</param>
    /// <param name="from">How far the target was, as this mover knows; null to ask it. If a crash undid that, the rows find no place there.</param>
    /// <param name="source">From here.</param>
    /// <param name="target">To there.</param>
    /// <param name="watch">Hears of it; null while writers wait.</param>
    /// <param name="isInTurn">Whether it is this one's turn already: others wait for it.</param>
    /// <param name="cancellation">Ends it.</param>
    private async Task<(MovedRows? Last, int Rows, TimeSpan LastTook)> ForwardAsync(AccountId account, MoveRow row, RowPosition? from, IMoveSide source, IMoveSide target, MoveWatch? watch, bool isInTurn, CancellationToken cancellation)
    {
        var position = from ?? await target.PositionAsync(account, row.Attempt, name, cancellation);
        if (position.Version > 0 && watch is not null)
        {
            await watch.Ready.WaitAsync(cancellation);
        }

        var most = Math.Min(settings.RowsAtOnce, target.RowsMost);
        var (next, count) = (source.ReadRowsAsync(account, position, most, cancellation), 0);
        while (true)
        {
            var began = time.GetTimestamp();
            using var rows = await next;
            var isLast = rows.Position.Key is null;
            using var turn = isLast || isInTurn || turns is null ? null : await turns.PieceAsync(cancellation);
            next = isLast ? next : source.ReadRowsAsync(account, rows.Position, most, cancellation);
            TimeSpan took;
            try
            {
                // While writers wait nothing is written where nothing is new: the seal finds out whose the place is. Before, it is seen how fast the target is.
                var isNeedless = watch is null && rows.Count == 0 && rows.Position == rows.After;
                if (!isNeedless && !await target.ApplyAsync(account, row.Attempt, name, rows, cancellation))
                {
                    return (null, count, default);
                }

                took = time.GetElapsedTime(began);
                count += rows.Count;
                watch?.Copied(rows.Count);
            }
            finally
            {
                await ((Task)next).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (isLast)
            {
                return (rows, count, took);
            }

            turn?.Dispose();
            await (isInTurn ? Task.CompletedTask : watch?.PaceAsync(cancellation) ?? Task.CompletedTask);
        }
    }

    private bool IsLong(TimeSpan took) => settings.PieceMost != Timeout.InfiniteTimeSpan && took > settings.PieceMost;

    private async Task<MoveOutcome> GiveUpAsync(AccountId account, MoveRow row, MoveWatch? watch, string reason, CancellationToken cancellation, Action? thawed = null)
    {
        watch?.Reason = reason;
        var aborting = AbortingOf(row);
        if (!await ledger.ChangeAsync(account, row, aborting, cancellation))
        {
            return MoveOutcome.Elsewhere;
        }

        await UndoAsync(account, aborting, cancellation, thawed);
        return MoveOutcome.GivenUp;
    }

    /// <summary>Two epochs on: a fence that is still on its way names one that is past.</summary>
    private MoveRow AbortingOf(MoveRow row) => row with { State = MoveState.Aborting, Epoch = row.Epoch + 2, Mover = name };

    private async Task UndoAsync(AccountId account, MoveRow row, CancellationToken cancellation, Action? thawed = null)
    {
        await SideOf(row.Home).ThawAsync(account, row.Epoch, cancellation);
        thawed?.Invoke();

        // Nobody waits for what follows.
        Work.Current = new Work(WorkClass.Background, "");
        await SideOf(row.Other!).DiscardAsync(account, row.Epoch, row.Attempt, cancellation);
        await ledger.ChangeAsync(account, row, row with { State = MoveState.None, Other = null, Mover = null }, cancellation);
    }

    private async Task RouteAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        await SideOf(row.Home).OpenAsync(account, row.Epoch, cancellation);
        await LeaveAsync(account, row, cancellation);
    }

    private async Task LeaveAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        await SideOf(row.Other!).LeaveAsync(account, row.Epoch, cancellation);
        await ledger.ChangeAsync(account, row, row with { State = MoveState.Reverse }, cancellation);
    }

    private async Task EndRetiringAsync(AccountId account, MoveRow row, CancellationToken cancellation)
    {
        var (former, deleted) = (SideOf(row.Other!), (string?)null);
        do
        {
            deleted = await former.RetireAsync(account, row.Epoch, deleted, Math.Min(settings.RowsAtOnce, former.RowsMost), cancellation);
        }
        while (deleted is not null);

        await ledger.ChangeAsync(account, row, row with { State = MoveState.None, Other = null, Mover = null }, cancellation);
    }

    private IMoveSide SideOf(string store) => sides.TryGetValue(store, out var side)
        ? side : throw new HoldfastException(FailureTable.ServiceUnavailable, $"This node's configuration names no store '{store}', to or from which an account is moving.");
}
