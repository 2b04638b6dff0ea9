using Holdfast.Authority.Jobs;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>Ends a move whose mover was killed, after a writer that waited for it let itself and others go on.</summary>
internal sealed class SettlingJob(Movers movers) : IJobKind
{
    public const string JobName = "settling";

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        try
        {
            await movers.RecoverAsync(AccountId.Parse(lease.Job.Subject), cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.NotFound)
        {
            // The account is gone.
        }

        return null;
    }
}
