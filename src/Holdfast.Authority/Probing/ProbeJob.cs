using Holdfast.Authority.Jobs;

namespace Holdfast.Authority.Probing;

/// <summary>Twice a minute, on one node, does what customers need, and keeps how that went.</summary>
internal sealed class ProbeJob(ServiceProbe probe, ProbeTable table, TimeProvider time) : IJobKind
{
    public const string JobName = "probe";

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        await table.KeepAsync(await probe.TryAsync(cancellation), cancellation);
        return time.GetUtcNow() + ProbeTable.Every;
    }
}
