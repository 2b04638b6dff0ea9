using Holdfast.Admission;
using Holdfast.Authority.Jobs;
using Holdfast.Protocol.Failures;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Probing;

/// <summary>Twice a minute, on one node, does what customers need, and keeps how that went.</summary>
internal sealed partial class ProbeJob(ServiceProbe probe, ProbeTable table, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "probe";

    public string Name => JobName;

    public bool IsPrompt => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var outcomes = await probe.TryAsync(cancellation);
        try
        {
            Work.Current = new Work(WorkClass.Interactive, "");
            await table.KeepAsync(outcomes, cancellation);
        }
        catch (HoldfastException exception)
        {
            // Tried again as soon as ever: a job that failed would pause for longer each time, and make a gap of its own.
            LogNotKept(exception);
        }

        return time.GetUtcNow() + ProbeTable.Every;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "What the service's probe found could not be kept.")]
    private partial void LogNotKept(Exception exception);
}
