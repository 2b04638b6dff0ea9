using System.Diagnostics.Metrics;

namespace Holdfast.Authority;

/// <summary>What the authority does, counted: for whoever watches the service.</summary>
internal static class AuthorityMeter
{
    private static readonly Meter _meter = new("Holdfast.Authority");

    /// <summary>Backup sessions opened.</summary>
    public static Counter<long> Sessions { get; } = _meter.CreateCounter<long>("holdfast_sessions", description: "Backup sessions opened.");

    /// <summary>Snapshots committed.</summary>
    public static Counter<long> Commits { get; } = _meter.CreateCounter<long>("holdfast_commits", description: "Snapshots committed; one that is asked for again is not counted again.");

    /// <summary>Objects that restores may read.</summary>
    public static Counter<long> ReadGrants { get; } = _meter.CreateCounter<long>("holdfast_read_grants", description: "Permissions to read an object given out.");

    /// <summary>Backups that were not let in.</summary>
    private static Counter<long> Refusals { get; } = _meter.CreateCounter<long>("holdfast_backups_refused", description: "Computers that were told to come later, by reason: closed, held, turn, busy; early are those that came before their turn.");

    public static void Refused(string reason) => Refusals.Add(1, new KeyValuePair<string, object?>("reason", reason));

    /// <summary>Runs of jobs by kind and how they ended.</summary>
    public static Counter<long> JobRuns { get; } = _meter.CreateCounter<long>("holdfast_job_runs", description: "Runs of the service's own work, by kind and outcome: done, again, returned, lost or failed.");

    public static void JobRun(string kind, string outcome) => JobRuns.Add(1, new KeyValuePair<string, object?>("kind", kind), new KeyValuePair<string, object?>("outcome", outcome));
}
