using System.Globalization;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Rehearsing;

/// <summary>What may go wrong with a window, of all that may come of it: as sentences for its operator.</summary>
internal static class WindowRisks
{
    /// <summary>What happens less often is not told.</summary>
    private const double Seldom = 0.005;

    /// <summary>Beyond so many times what any run had, it may be slower.</summary>
    private const double OutgrownTimes = 1.5;

    private static readonly TimeSpan _oldRun = TimeSpan.FromDays(180);
    private static readonly TimeSpan _oldBackup = TimeSpan.FromDays(1);

    /// <param name="plan">Its plan.</param>
    /// <param name="kinds">Kinds of its steps.</param>
    /// <param name="histories">What is known of each.</param>
    /// <param name="forecast">What may come of it.</param>
    /// <param name="before">Steps until services are back.</param>
    /// <param name="window">What was promised, if anything was.</param>
    /// <param name="others">Other windows.</param>
    public static IReadOnlyList<string> Of(WindowPlan plan, IReadOnlyList<IWindowStep> kinds, IReadOnlyList<StepHistory> histories, WindowForecast forecast, int before, Window window, IReadOnlyList<Window> others)
    {
        var (risks, all) = (new List<string>(), plan.Steps.Count);
        foreach (var name in forecast.Unknown)
        {
            risks.Add($"How long {name} takes is not known: it counts as nothing in all of this.");
        }

        if (window is { BackBy: { } backBy, CaughtUpBy: { } caughtUpBy })
        {
            AddShare(risks, forecast.ShareLater(TimeSpan.FromSeconds(backBy - window.StartsAt), before), "services are back later than was promised");
            AddShare(risks, forecast.ShareLater(TimeSpan.FromSeconds(caughtUpBy - window.StartsAt), all), "not everyone is caught up when that was promised");
        }

        foreach (var other in others.Where(other => other.Id != window.Id && other.StartsAt >= window.StartsAt))
        {
            AddShare(risks, forecast.ShareLater(TimeSpan.FromSeconds(other.StartsAt - window.StartsAt), all), $"it is not over when '{other.Name}' begins");
        }

        foreach (var other in others.Where(other => other.Id != window.Id && other.StartsAt < window.StartsAt && Math.Max(other.CaughtUpBy ?? 0, other.LiveCaughtUpBy ?? 0) > window.StartsAt))
        {
            risks.Add($"'{other.Name}' may not be over when it begins: then it waits.");
        }

        for (var step = 0; step < all; step++)
        {
            if (kinds[step].FindLimit(plan.Steps[step]) is var (longer, then))
            {
                AddShare(risks, forecast.StepShareLater(longer, step), $"{plan.Steps[step].Name} takes longer than it may: {then}");
            }

            AddStep(risks, kinds[step], histories[step], forecast.Steps[step], window.StartsAt);
        }

        if (forecast.SlowestBy(before) is var (slowest, share))
        {
            risks.Add(string.Create(CultureInfo.InvariantCulture, $"The slowest of ten windows is slow by {slowest} above all: {100 * share:0} % of what it takes more."));
        }

        AddShare(risks, forecast.ShareLater(_oldBackup, before), "services are away for longer than a day: everybody's last backup is older than that when they are back");
        return risks;
    }

    /// <summary>What makes a step's estimate less sure than it looks.</summary>
    private static void AddStep(List<string> risks, IWindowStep kind, StepHistory history, StepForecast forecast, long startsAt)
    {
        if (history.Fixed is not null)
        {
            return;
        }

        if (forecast.Changed is > 0.5 and var changed)
        {
            risks.Add(string.Create(CultureInfo.InvariantCulture, $"{history.Name} was rehearsed otherwise than earlier runs went: something has changed since then, as sure as {100 * changed:0} %."));
        }

        var runs = history.Runs.Where(run => run.Volume >= 1).ToList();
        if (runs.Count == 0 || history.Probes.Count > 0)
        {
            return;
        }

        var rehearse = kind.IsRehearsed ? " `holdfast admin maintenance rehearse --measure` tells more." : "";
        if (history.Volume is null && history.Turnover is null && forecast.Volume is { Value: var then } && then > OutgrownTimes * runs.Max(run => run.Volume))
        {
            risks.Add(string.Create(CultureInfo.InvariantCulture, $"{history.Name} will have {then / runs.Max(run => run.Volume):0.0} times as many {kind.Unit} as any run before: what memory held of fewer it may not hold of these.{rehearse}"));
        }

        if ((startsAt / TimeSpan.FromDays(1).TotalSeconds) - runs.Max(run => run.Day) is var days && days > _oldRun.TotalDays)
        {
            risks.Add(string.Create(CultureInfo.InvariantCulture, $"{history.Name} ran last {days:0} days before: since then much may have changed.{rehearse}"));
        }
    }

    private static void AddShare(List<string> risks, double share, string what)
    {
        if (share >= Seldom)
        {
            risks.Add(string.Create(CultureInfo.InvariantCulture, $"In {100 * share:0.#} % of all windows that may come {what}."));
        }
    }
}
