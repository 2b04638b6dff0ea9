using System.Globalization;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Verifying;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary><c>verify</c>: the pod reads everything that snapshots need, and compares it with what computers signed.</summary>
internal sealed class VerifyStep(Verifications verifications, RehearsedVerification rehearsed) : IWindowStep
{
    public string Work => "verify";

    public string Kind => "verify";

    public IReadOnlyCollection<string> Settings => ["account"];

    public string Unit => "bytes";

    public IReadOnlyCollection<string> Metrics => ["stored_bytes"];

    public bool IsRehearsed => true;

    public Task<Measured?> RehearseAsync(PlanStep step, CancellationToken cancellation) => rehearsed.RunAsync(cancellation);

    public Task CheckAsync(PlanStep step, CancellationToken cancellation) => verifications.CheckAsync(step.Find("account"), cancellation);

    public StepHistory HistoryOf(PlanStep step, KnownWork known) => new(step.Name, known.Samples("stored_bytes", _ => true), known.Runs(Work, _ => true), known.Probes(Work, _ => true));

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        // What was begun since this step began is its own, if it was killed before it wrote that down.
        var status = await verifications.StatusAsync(cancellation);
        var account = run.Step.Find("account");
        if (run.Row.Reference is null && (status.State == "none" || status.StartedAt < run.StartedAt || status.Account != account))
        {
            status = await verifications.StartAsync(account, cancellation);
        }

        var reference = status.StartedAt.ToString(CultureInfo.InvariantCulture);
        if (run.Row.Reference is { } own && own != reference)
        {
            return StepOutlook.Failed("Somebody started another verification since, and this one's result is not known any more: `resume` verifies again.");
        }

        return (status.EndedAt, status.Failure, status.DamageCount) switch
        {
            (not null, { } failure, _) => StepOutlook.Failed($"The verification ended before it had read everything: {failure}"),
            (not null, null, 0) => new StepOutlook(true, 1, $"{status.Snapshots} snapshots of {status.Accounts} accounts, {status.Bytes} bytes: every frame is what its computer signed", reference, Volume: account is null ? status.Bytes : 0),
            (not null, null, var damages) => StepOutlook.Failed($"{damages} damages were found: see `holdfast admin verification`. Backed-up data is at risk; then abort, or go on with `resume --skip`."),
            _ => new StepOutlook(false, status.BytesTotal > 0 ? Math.Min(1, (double)status.Bytes / status.BytesTotal) : null, $"{status.Bytes} of {status.BytesTotal} bytes", reference, Trouble: status.Failure),
        };
    }
}
