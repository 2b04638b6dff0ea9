using System.Globalization;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Probing;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows;

/// <summary>What is expected of a window that is under way, and whether restores and sign-ins work meanwhile.</summary>
internal sealed class WindowWatch(WindowTable table, WindowEstimates estimates, ServiceProbe probe, ProbeTable probes, TimeProvider time)
{
    /// <summary>How the event begins that says for how long nobody probed.</summary>
    public const string NothingTried = "Restores and sign-ins were not tried for";

    private static readonly TimeSpan _probesEvery = TimeSpan.FromSeconds(5);

    /// <summary>What is shorter is a probe that took its time.</summary>
    private static readonly TimeSpan _probesMissed = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _forecastKept = TimeSpan.FromMinutes(10);

    /// <summary>When this node probed last, by a clock that does not leap; a step that takes long looks under one look of the job.</summary>
    private long? _probed;
    private (string Window, IReadOnlyList<ProbeOutcome> Outcomes) _notCounted = ("", []);
    private (string Window, DateTimeOffset At, WindowForecast Forecast)? _forecast;

    /// <summary>How far the clock leapt meanwhile.</summary>
    public ClockWatch Clock { get; } = new(time);

    /// <summary>Looks once, under the lease of the window's job.</summary>
    /// <param name="lease">The lease.</param>
    /// <param name="window">The window.</param>
    /// <param name="steps">Its steps, as they stand.</param>
    /// <param name="plan">Its plan.</param>
    /// <param name="failure">Why it does not go on; null if it does.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task LookAsync(JobLease lease, Window window, IReadOnlyList<WindowStep> steps, WindowPlan plan, string? failure, CancellationToken cancellation)
    {
        Clock.Look();
        var now = time.GetUtcNow();
        var since = SinceProbe(window, now);
        if (since >= _probesEvery || since < TimeSpan.Zero)
        {
            _probed = time.GetTimestamp();
            if (window.ProbedAt > 0 && since > _probesMissed)
            {
                await table.SayAsync(lease, string.Create(CultureInfo.InvariantCulture, $"{NothingTried} {since.TotalSeconds:0} s."), cancellation);
            }

            var result = await probe.TryAsync(cancellation);

            // What cannot be kept now, such as while the directory is away, counts at the next look.
            _notCounted = (window.Id, [.. _notCounted.Window == window.Id ? _notCounted.Outcomes : [], .. result]);
            await probes.KeepAsync(result, cancellation);
        }

        var (backBy, caughtUpBy, gate) = (window.BackAt, (long?)null, ((string, long)?)null);
        if (window is { StartedAt: { } started, State: not WindowStates.Aborting })
        {
            if (_forecast is not { } kept || kept.Window != window.Id || now - kept.At > _forecastKept || now < kept.At)
            {
                _forecast = kept = (window.Id, now, estimates.ForecastOf(plan, started, await estimates.ReadAsync(cancellation)));
            }

            // What passed between steps, in pauses, is over too; and what a clock leapt by never was.
            var begun = steps.TakeWhile(step => step.StartedAt is not null).ToList();
            var progress = begun.Select(step => new StepProgress(step.TookUntil(now.ToUnixTimeMilliseconds())!.Value, step.Status.Share, step.EndedAt is not null)).ToList();
            var leapt = begun.Sum(step => step.Leapt / 1000.0);
            var paused = TimeSpan.FromSeconds(Math.Max(0, now.ToUnixTimeSeconds() - started - leapt - progress.Sum(step => step.Elapsed.TotalSeconds)));
            long At(TimeSpan taken) => started + (long)Math.Ceiling(leapt + (paused + taken).TotalSeconds);
            caughtUpBy = At(kept.Forecast.Live(progress, paused: paused).NineTenths);
            if (backBy is null)
            {
                var back = kept.Forecast.Live(progress, estimates.StepsBefore(plan), paused);
                backBy = At(back.NineTenths);
                gate = GateStep.FindReason(window, plan, steps) is { } reason ? (reason, At(back.Half)) : null;
            }
        }

        await table.LiveAsync(lease, window.Id, backBy, caughtUpBy, failure, _notCounted.Window == window.Id ? _notCounted.Outcomes : [], gate, cancellation);
        _notCounted = (window.Id, []);
    }
    /// <summary>Since whichever node probed last.</summary>
    private TimeSpan SinceProbe(Window window, DateTimeOffset now)
    {
        var sinceAnybody = now - DateTimeOffset.FromUnixTimeSeconds(window.ProbedAt);
        return _probed is not { } probed ? sinceAnybody : time.GetElapsedTime(probed) is var own && (sinceAnybody < TimeSpan.Zero || own < sinceAnybody) ? own : sinceAnybody;
    }
}
