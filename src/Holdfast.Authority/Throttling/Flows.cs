using Holdfast.Admission;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Devices;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Throttling;

/// <summary>How fast a computer may send or read now.</summary>
/// <param name="Grant">What its grants say.</param>
/// <param name="State">What it is told; null if nothing is limited.</param>
/// <param name="Changes">When that may be otherwise.</param>
internal sealed record Flow(GrantFlow Grant, ThrottleState? State, TimeSpan? Changes)
{
    /// <summary>Whoever has just been let through must be able to use it.</summary>
    private static readonly TimeSpan _shortest = TimeSpan.FromMinutes(1);

    /// <summary>How long a grant lives: not longer than its limits stay as they are, so that those of the night end with it.</summary>
    public TimeSpan LifeOf(TimeSpan life) => Changes is not { } changes || changes >= life ? life : changes > _shortest ? changes : _shortest;
}

/// <summary>How fast computers may send and read: the operators' limits, those of their plans, and the share of who needs long or has not caught up.</summary>
internal sealed class Flows(ThrottleTable throttles, PlanLimits plans, Admissions admissions, TimeProvider time)
{
    public async Task<Flow> OfBackupAsync(Device device, CancellationToken cancellation) => Of(await LimitAsync(device, WorkClass.Backup, cancellation), admissions.ShareOf(device));

    public async Task<Flow> OfRestoreAsync(Device device, CancellationToken cancellation) => Of(await LimitAsync(device, WorkClass.Restore, cancellation), (1, false));

    private async Task<ThrottleLimit> LimitAsync(Device device, WorkClass workClass, CancellationToken cancellation) => ThrottleLimit.Of(
        [.. await throttles.RulesAsync(cancellation), .. await plans.OfAsync(device.Place.Account, cancellation)], device.Place.Account.ToString(), device.Computer, workClass, time.GetUtcNow());

    private Flow Of(ThrottleLimit limit, (int Weight, bool IsCatchingUp) share) => new(
        new GrantFlow { AccountRate = limit.BytesPerSecond ?? 0, ComputerRate = limit.ComputerBytesPerSecond ?? 0, SharedRate = limit.SharedBytesPerSecond ?? 0, AtOnce = limit.AtOnce ?? 0, Weight = share.Weight, IsCatchingUp = share.IsCatchingUp },
        limit.Until is { } until ? new ThrottleState(limit.ComputerBytesPerSecond is { } own && !(own > limit.BytesPerSecond) ? own : limit.BytesPerSecond, until.ToUnixTimeSeconds(), limit.Reason, limit.IsLasting) : null,
        limit.NextChange - time.GetUtcNow());
}
