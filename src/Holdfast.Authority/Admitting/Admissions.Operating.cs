using Holdfast.Admission;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Admitting;

/// <content>What operators see and change.</content>
internal sealed partial class Admissions
{
    /// <summary>Has the gate do something else, from now on, at every node.</summary>
    public async Task<GateStatus> ChangeAsync(ChangeGate change, CancellationToken cancellation)
    {
        var mode = GateTable.TryParse(change.Mode) ?? throw new HoldfastException(FailureTable.InvalidRequest, $"A gate is open, closed, ramp or held, not '{change.Mode}'.");
        if (change.AtMost is < 1 or > 1_000_000 || change.OpensAt < 0 || change.OpensAt > DateTimeOffset.MaxValue.ToUnixTimeSeconds() || change.Reason is { Length: > 200 })
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "At least one backup at once and at most a million, a time that exists, and a reason of at most 200 characters.");
        }

        var state = await table.ReadAsync(cancellation);
        switch (mode)
        {
            case GateMode.Ramp when state.Mode == GateMode.Held || state.Mode == GateMode.Ramp:
                if (!await table.TurnAsync(state.Mode, GateMode.Ramp, change.AtMost ?? state.AtMost, cancellation))
                {
                    throw Changed();
                }

                break;
            case GateMode.Ramp:
                if (!await BeginBringUpAsync(change.Reason, change.AtMost, state, cancellation))
                {
                    throw Changed();
                }

                break;
            case GateMode.Held:
                if (!await table.TurnAsync(GateMode.Ramp, GateMode.Held, change.AtMost ?? state.AtMost, cancellation) && state.Mode != GateMode.Held)
                {
                    throw new HoldfastException(FailureTable.Conflict, "Only a ramp can be held: close the gate, or let it ramp first.");
                }

                break;
            default:
                if (!await table.ChangeAsync(mode, change.Reason, change.OpensAt, change.AtMost, Later(state), [], state.Since, cancellation))
                {
                    throw Changed();
                }

                break;
        }

        await LookAsync(cancellation);
        return await StatusAsync(cancellation);
    }

    /// <summary>What the gate does by what all nodes wrote until now, not a second ago.</summary>
    public async Task<GateStatus> LookNowAsync(CancellationToken cancellation)
    {
        await LookAsync(cancellation);
        return await StatusAsync(cancellation);
    }

    public Task<GateStatus> StatusAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            var state = _state ?? throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting.");
            var (now, view) = (time.GetUtcNow().ToUnixTimeSeconds(), _gate.View);
            var left = Math.Max(0, state.Cohorts.Sum() - view.Admitted - view.SkippedElsewhere - _gate.Skipped);
            var rate = view.AdmittedPerSecond;

            // Backups under way by those that begin in a second: how long one takes (Little).
            long? turnsBy = state.Mode == GateMode.Ramp && rate > 0.0001 ? now + (long)(left / rate) : null;
            return Task.FromResult(new GateStatus(
                GateTable.NameOf(state.Mode), state.Reason, state.Since, state.OpensAt, state.AtMost, state.UnderWay, view.InFlightMax, state.Cohorts.Sum(), view.Admitted, Math.Round(rate * 3600, 1),
                turnsBy, turnsBy + (long)(state.UnderWay / Math.Max(rate, 0.0001)), state.Nodes));
        }
    }

    private static HoldfastException Changed() => new(FailureTable.Conflict, "Somebody else changed the gate meanwhile: `holdfast admin gate show` says how it is.");

    /// <summary>A time for a change: now, or later than the last one.</summary>
    private long Later(GateState state) => Math.Max(time.GetUtcNow().ToUnixTimeSeconds(), state.Since + 1);

    /// <summary>Begins to let everybody in by turns; false if the gate was changed meanwhile.</summary>
    private async Task<bool> BeginBringUpAsync(string? reason, int? atMost, GateState state, CancellationToken cancellation)
    {
        var (order, began) = (new long[BringUp.CohortsMax], Later(state));
        foreach (var (stretches, count) in await store.CountLastBackupsAsync(began, (long)BringUp.CohortLength.TotalSeconds, cancellation))
        {
            order[stretches is { } ago ? BringUp.CohortsMax - 1 - (int)Math.Clamp(ago, 0, BringUp.CohortsMax - 1) : 0] += count;
        }

        return await table.ChangeAsync(GateMode.Ramp, reason, null, atMost, began, order, state.Since, cancellation);
    }
}
