using Holdfast.Authority.Jobs;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Alerting;

/// <summary>Once a minute, on one node, everything is looked at that the operator should know of. What cannot be looked at keeps nothing else from it.</summary>
internal sealed partial class AlertWatch(Alerts alerts, IReadOnlyList<IAlertSource> sources, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "alerts";

    private static readonly TimeSpan _every = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(20);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        foreach (var source in sources)
        {
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(_patience);
            try
            {
                await alerts.TakeInAsync(source.Kind, source.Patience, await source.LookAsync(limit.Token), cancellation);
            }
#pragma warning disable CA1031 // Whatever keeps one source from looking: the log has it, and the others look.
            catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
            {
                LogNotLooked(exception, source.Kind);
            }
        }

        return time.GetUtcNow() + _every;
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "It could not be found out whether there is anything to tell the operator of '{Kind}'.")]
    private partial void LogNotLooked(Exception exception, string kind);
}
