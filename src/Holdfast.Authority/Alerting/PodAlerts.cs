using Holdfast.Authority.Measuring;
using Holdfast.Authority.Placing;
using Holdfast.Billing;

namespace Holdfast.Authority.Alerting;

/// <summary>Asks a pod how it is; one that does not answer is a finding of its own.</summary>
internal static class PodAlerts
{
    public static async Task<PodUsage?> AskAsync(PodPlace pod, CancellationToken cancellation)
    {
        try
        {
            return await pod.Usage(cancellation);
        }
#pragma warning disable CA1031 // Whatever it is: it did not answer.
        catch (Exception)
#pragma warning restore CA1031
        {
            return null;
        }
    }
}

/// <summary>The pod does not answer.</summary>
internal sealed class PodAwayAlerts(PodPlace pod) : IAlertSource
{
    public string Kind => "pod";

    public TimeSpan Patience => TimeSpan.FromMinutes(2);

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => await PodAlerts.AskAsync(pod, cancellation) is not null ? []
        : [new Finding(pod.PublicUrl(), true, $"The pod at {pod.InternalUrl()} does not answer: nothing is backed up or restored. See whether it runs, and its log.")];
}

/// <summary>Drives of the pod that are dead, missing, full or read-only.</summary>
internal sealed class DriveAlerts(PodPlace pod) : IAlertSource
{
    public string Kind => "drive";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation) => [.. (await pod.Usage(cancellation)).Drives.Where(drive => !drive.IsUp).Select(drive =>
        new Finding(drive.Path, true, $"The drive {drive.Path} is not used as it should be ({drive.Trouble}). Backups and restores go on while few enough are so; replace it with `holdfastd pod replace-drive`."))];
}

/// <summary>Drives that are nearly full, or will be before long by how they filled until now.</summary>
internal sealed class SpaceAlerts(PodPlace pod, Samples samples, TimeProvider time) : IAlertSource
{
    private const int WarnedDays = 30;
    private const int CriticalDays = 7;
    private const double WarnedShare = 0.9;
    private const double CriticalShare = 0.97;

    public string Kind => "space";

    public TimeSpan Patience => TimeSpan.Zero;

    public async Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation)
    {
        var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
        var before = await samples.BeforeAsync("drive_bytes_used", today - Growth.Days, cancellation);
        var findings = new List<Finding>();
        foreach (var drive in (await pod.Usage(cancellation)).Drives)
        {
            if (drive is not { BytesTotal: > 0 and var total, BytesFree: { } free })
            {
                continue;
            }

            var used = total - free;
            var perDay = before.TryGetValue(drive.Path, out var then) ? Growth.PerDay(then.Day, then.Value, today, used) : null;
            var days = Growth.FullDay(used, total, perDay, today) - today;
            var share = used / (double)total;
            if (share >= WarnedShare || days <= WarnedDays)
            {
                findings.Add(new Finding(drive.Path, share >= CriticalShare || days <= CriticalDays,
                    $"{share:P0} of {drive.Path} is used{(days is null ? "" : $"; as it fills it is full in {days} days")}. When drives are full nothing more can be backed up: add drives or a pod, or have less kept."));
            }
        }

        return findings;
    }
}
