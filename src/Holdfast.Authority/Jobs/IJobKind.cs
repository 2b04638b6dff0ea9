namespace Holdfast.Authority.Jobs;

/// <summary>A kind of work. It may be ended at any point, by a kill too, and is then run again, perhaps by another node: it goes on from what it saved.</summary>
internal interface IJobKind
{
    string Name { get; }

    /// <summary>True if it may take hours: one such job at a time, beside the others and not in their place.</summary>
    bool IsLong => false;

    /// <summary>True if it is late when it waits for others: such jobs have places of their own.</summary>
    bool IsPrompt => false;

    /// <summary>True if there may be thousands of it: it is only begun where nothing else is due.</summary>
    bool IsPatient => false;

    /// <summary>Does the work.</summary>
    /// <returns>When to do it again; null when it is done for good.</returns>
    /// <exception cref="LeaseLostException">Another node has it now.</exception>
    Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation);
}

/// <summary>The right to work on a job for a while.</summary>
internal sealed class JobLease(JobTable table, Job job)
{
    public Job Job { get; private set; } = job;

    /// <summary>Saves what to go on from, and that it got on; fails if another node has the job.</summary>
    public async Task SaveAsync(string progress, CancellationToken cancellation) =>
        Job = await table.RenewAsync(Job, progress, gotOn: true, cancellation) ?? throw new LeaseLostException(Job);

    /// <summary>Saves what is shown to whoever watches; that it got on is not said by it.</summary>
    public async Task ShowAsync(string progress, CancellationToken cancellation) =>
        Job = await table.RenewAsync(Job, progress, gotOn: false, cancellation) ?? throw new LeaseLostException(Job);
}

/// <summary>The lease ran out and somebody else has the job: whatever was under way must stop.</summary>
internal sealed class LeaseLostException(Job job) : Exception($"job {job.Id} ({job.Kind}) is another node's now");
