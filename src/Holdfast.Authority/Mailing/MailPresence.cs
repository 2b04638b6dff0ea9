using Holdfast.Authority.Jobs;

namespace Holdfast.Authority.Mailing;

/// <summary>Says again and again that the service sends mail: a job that only nodes with a mail server do.</summary>
internal sealed class MailPresence(Outbox outbox, TimeProvider time) : IJobKind
{
    public const string JobName = "mail-presence";

    private static readonly TimeSpan _every = TimeSpan.FromHours(1);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        await outbox.RenewAsync(cancellation);
        return time.GetUtcNow() + _every;
    }
}
