using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <content>What writers wait for.</content>
internal sealed partial class Mover
{
    /// <summary>Fences once it has its turn; no outcome if by then more was written than writers should wait for: how far the target is then, and how many more rows it has.</summary>
    private async Task<(MoveOutcome? Outcome, RowPosition? Position, int Rows)> FenceInTurnAsync(AccountId account, MoveRow row, RowPosition copied, long verified, int rowsMost, IMoveSide source, IMoveSide target, MoveWatch watch, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        using var turn = turns is null ? null : await turns.FreezeAsync(cancellation);
        var more = 0;
        if (turns is not null && IsLong(time.GetElapsedTime(began)))
        {
            (var rows, more, var took) = await ForwardAsync(account, row, copied, source, target, watch, isInTurn: true, cancellation);
            if (rows is not { IsAll: true } || more > Math.Min(settings.LagMost, rowsMost) || IsLong(took))
            {
                return (null, rows?.Position, more);
            }

            copied = rows.Position;
        }

        return (await FenceAsync(account, row, copied, verified, source, target, watch, turn, cancellation), copied, more);
    }

    /// <summary>From here on writers wait: for so long and no longer, and whatever goes wrong gives up. The turn is over once they go on: what has to be deleted may take long.</summary>
    private async Task<MoveOutcome> FenceAsync(AccountId account, MoveRow row, RowPosition copied, long verified, IMoveSide source, IMoveSide target, MoveWatch watch, IDisposable? turn, CancellationToken cancellation)
    {
        // Somebody waits for each step: they go before everything else.
        Work.Current = new Work(WorkClass.Restore, account.ToString());
        var began = time.GetTimestamp();
        var fencing = row with { State = MoveState.Fencing };
        var decided = fencing with { State = MoveState.Decided, Home = row.Other!, Other = row.Home, Epoch = row.Epoch + 1 };
        try
        {
            if (!await ledger.ChangeAsync(account, row, fencing, cancellation))
            {
                return MoveOutcome.Elsewhere;
            }

            // Not the caller's token: whoever asked for the move may be gone, writers are not.
            using var freeze = new CancellationTokenSource(settings.FreezeMost, time);
            if (!await IsEqualAsync(account, row, copied, verified, source, target, freeze.Token))
            {
                return await GiveUpAsync(account, fencing, watch, "What was written last was not the same in both stores, or somebody else works on it.", CancellationToken.None, Thawed);
            }

            if (!await ledger.ChangeAsync(account, fencing, decided, freeze.Token))
            {
                // Somebody whose writer waited too long gave up: exactly one of both succeeded.
                return MoveOutcome.Elsewhere;
            }

            await SideOf(decided.Home).OpenAsync(account, decided.Epoch, CancellationToken.None);
            Thawed();
        }
        catch
        {
            // The change or the decision may have been made, and its answer lost: the row says which.
            await ReleaseAsync(account, CancellationToken.None);
            Thawed();
            await RecoverAsync(account, CancellationToken.None);
            throw;
        }

        await LeaveAsync(account, decided, CancellationToken.None);
        return MoveOutcome.Moved;

        void Thawed()
        {
            watch.Freeze = time.GetElapsedTime(began);
            turn?.Dispose();
        }
    }

    /// <summary>Fences the source, takes the rest over, seals, and compares what was written since all was compared.</summary>
    private async Task<bool> IsEqualAsync(AccountId account, MoveRow row, RowPosition copied, long verified, IMoveSide source, IMoveSide target, CancellationToken cancellation)
    {
        if (!await source.FenceAsync(account, row.Epoch, cancellation))
        {
            return false;
        }

        var rows = (await ForwardAsync(account, row, copied, source, target, null, isInTurn: true, cancellation)).Last;
        while (rows is { IsAll: false })
        {
            rows = (await ForwardAsync(account, row, rows.Position, source, target, null, isInTurn: true, cancellation)).Last;
        }

        if (rows is null || !await target.SealAsync(account, row.Attempt, name, rows, cancellation))
        {
            return false;
        }

        var digests = await Task.WhenAll(target.DigestAsync(account, verified, cancellation), source.DigestAsync(account, verified, cancellation));
        return digests[0].AsSpan().SequenceEqual(digests[1]);
    }
}
