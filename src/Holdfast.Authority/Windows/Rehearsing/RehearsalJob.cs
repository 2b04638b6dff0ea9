using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows.Rehearsing;

/// <summary>Rehearses a window's steps, one after the other: those that any node can, or those of a tree that this node has. What a step's rehearsal measured counts in the estimates of the next weeks.</summary>
/// <param name="tree">The tree; null for what any node can.</param>
/// <param name="windows">Windows.</param>
/// <param name="table">Their rehearsals.</param>
/// <param name="kinds">Kinds of steps.</param>
/// <param name="time">The clock.</param>
internal sealed class RehearsalJob(string? tree, WindowTable windows, RehearsalTable table, WindowSteps kinds, TimeProvider time) : IJobKind
{
    private const string JobName = "rehearsal";

    private static readonly TimeSpan _most = TimeSpan.FromMinutes(10);

    /// <summary>Before a window begins what is under way has ended.</summary>
    private static readonly TimeSpan _margin = TimeSpan.FromMinutes(30);

    public string Name => NameOf(tree);

    public bool IsLong => true;

    /// <summary>The kind of the job.</summary>
    public static string NameOf(string? tree) => tree is null ? JobName : $"{JobName}:{tree}";

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        if (await windows.FindAsync(lease.Job.Subject, cancellation) is not var (window, _))
        {
            return null;
        }

        var plan = kinds.Parse(window.Plan);
        while ((await table.ReadAsync(window.Id, cancellation)).FirstOrDefault(row => row.IsUnderWay) is { } row)
        {
            var step = plan.Steps[(int)row.Position];
            var kind = kinds[step];
            if (NameOf(kind.RehearsedAt(step)) is var job && job != Name)
            {
                await table.GoOnAsync(window.Id, job, cancellation);
                return null;
            }

            if (await WhyNotAsync(cancellation) is { } why)
            {
                await table.EndAsync(lease, row.Position, RehearsalStates.LeftOut, why, null, cancellation);
                continue;
            }

            await table.StartAsync(lease, row.Position, cancellation);
            var (state, detail, measured) = await TryAsync(kind, step, cancellation);
            await table.EndAsync(lease, row.Position, state, detail, measured is { Volume: > 0 } && measured.Worked > TimeSpan.Zero
                ? new Actual(Actuals.OfSample + kind.Work, measured.Subject, time.GetUtcNow().ToUnixTimeSeconds(), measured.Volume, measured.Volume, Math.Max(1, (long)measured.Worked.TotalMilliseconds), measured.Threads, "") : null, cancellation);
        }

        return null;
    }

    /// <summary>Nothing is tried beside a window, nor shortly before one: it would hold up what was promised.</summary>
    private async Task<string?> WhyNotAsync(CancellationToken cancellation)
    {
        var soon = (time.GetUtcNow() + _margin).ToUnixTimeSeconds();
        return (await windows.OpenAsync(cancellation)).FirstOrDefault(window => window.StartedAt is not null || window.StartsAt <= soon) is { } near ? $"The window '{near.Name}' is under way, or begins soon." : null;
    }

    private static async Task<(string State, string? Detail, Measured? Measured)> TryAsync(IWindowStep kind, Maintenance.Planning.PlanStep step, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_most);
        try
        {
            return await kind.RehearseAsync(step, limit.Token) is { } measured ? (RehearsalStates.Done, measured.Detail, measured) : (RehearsalStates.LeftOut, "There is nothing to try it with.", null);
        }
        catch (OperationCanceledException) when (limit.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            return (RehearsalStates.Failed, $"It did not end within {_most.TotalMinutes:0} minutes.", null);
        }
#pragma warning disable CA1031 // Whatever keeps a step from being rehearsed: its row says it, and the others are.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            return (RehearsalStates.Failed, exception.Message, null);
        }
    }
}
