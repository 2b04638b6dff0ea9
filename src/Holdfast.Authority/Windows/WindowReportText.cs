using System.Globalization;
using System.Text.RegularExpressions;
using Holdfast.Authority.Reports;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Protocol.Messages;
using static Holdfast.Authority.Reports.ReportParts;

namespace Holdfast.Authority.Windows;

/// <summary>A window's report in Markdown: what was promised and what happened.</summary>
internal static partial class WindowReportText
{
    private const double MinutesOff = 120;

    /// <param name="window">The window.</param>
    /// <param name="events">What happened.</param>
    /// <param name="message">What its plan says to those who were affected.</param>
    /// <param name="apology">What the operator says to them, in Markdown; null for nothing.</param>
    /// <param name="estimate">What it was announced with: seconds until services are back and until everyone is caught up, P50 and P90 of each.</param>
    /// <param name="affected">Whom it affected; null before it began.</param>
    /// <param name="now">For a window that has not ended.</param>
    public static string Of(WindowStatus window, IReadOnlyList<WindowEvent> events, string? message, string? apology, (long? BackHalf, long? BackMost, long? CaughtUpHalf, long? CaughtUpMost) estimate, Affected? affected, DateTimeOffset now)
    {
        var report = new ReportParts();
        var until = window.EndedAt is { } over ? DateTimeOffset.FromUnixTimeSeconds(over) : now;
        report.Line($"# Maintenance: {Plain(window.Name)}");
        report.Paragraph(window.State switch
        {
            WindowStates.Completed => $"It is over. {(window.BackAt <= window.BackBy && window.EndedAt <= window.CaughtUpBy ? window.FirstBackBy < window.BackBy || window.FirstCaughtUpBy < window.CaughtUpBy ? "What was promised last was kept; it was more at first." : "Both promises were kept." : "Not every promise was kept.")}",
            WindowStates.Cancelled => "It was given up.",
            WindowStates.Planned or WindowStates.Announced => "It has not begun.",
            _ => "It is under way.",
        });
        if (apology is not null)
        {
            report.Paragraph(apology);
        }

        if (message is { Length: > 0 })
        {
            report.Paragraph(Plain(message));
        }

        Promises(report, window);
        report.Heading("Restores and sign-ins meanwhile");
        report.Line(window.Probes.Tried == 0 ? "None were tried." : $"{window.Probes.Tried - window.Probes.Failed} of {window.Probes.Tried} that the service tried itself worked ({Percent(window.Probes.Tried - window.Probes.Failed, window.Probes.Tried)}); the slowest took {window.Probes.WorstMilliseconds} ms.");
        if (events.Where(one => one.Event.StartsWith(WindowWatch.NothingTried, StringComparison.Ordinal)).Sum(one => SecondsOf(one.Event)) is > 0 and var untried)
        {
            report.Line($"For {Span(untried)} in all nobody tried, because a node was gone: how they were then is not in these figures.");
        }

        foreach (var (title, beganAt, closedAt) in affected?.Incidents ?? [])
        {
            report.Line($"- {Plain(title)}: {At(beganAt)} to {(closedAt is { } closed ? $"{At(closed)} ({Span(closed - beganAt)})" : "now")}");
        }

        if (affected is not null)
        {
            report.Affected(affected, window.EndedAt is not null);
        }

        Steps(report, window, now);

        // What a clock leapt by meanwhile nobody waited for.
        long Took(long from, long to) => Math.Max(0, to - from - (window.Steps.Where(step => step.EndedAt <= to * 1000 + 999).Sum(step => step.Leapt) / 1000));
        if (estimate is { BackHalf: { } half, BackMost: { } most } && window is { StartedAt: { } start, BackAt: { } back })
        {
            report.Paragraph($"Services were away for {Span(Took(start, back))}; estimated were {Span(half)}, and once in ten times more than {Span(most)}: {Error(Took(start, back), half)}.");
        }

        if (estimate is { CaughtUpHalf: { } allHalf, CaughtUpMost: { } allMost } && window is { State: WindowStates.Completed, StartedAt: { } began, EndedAt: { } ended })
        {
            report.Paragraph($"Everyone was caught up after {Span(Took(began, ended))}; estimated were {Span(allHalf)}, and once in ten times more than {Span(allMost)}: {Error(Took(began, ended), allHalf)}.");
        }

        Learned(report, window);
        report.Heading("When");
        report.Chart([.. window.Steps.Where(step => step.StartedAt is not null).Select(step => new ChartBar(step.Name, step.StartedAt!.Value, step.EndedAt ?? until.ToUnixTimeMilliseconds()))]);
        foreach (var one in events)
        {
            report.Line($"- {At(one.At)}: {Plain(Told(one.Event, window))}");
        }

        return report.ToString();
    }

    /// <summary>What happened as customers are told it: who did it is the operator's business, and so is what stands in errors, and what operators' own commands say.</summary>
    private static string Told(string happened, WindowStatus window)
    {
        happened = Who().Replace(Skipped().Replace(happened, "$1skipped by an operator."), "$1 by an operator$3");
        if (window.Steps.Any(step => step.Kind == RunStep.StepKind && happened.StartsWith($"The step {step.Name} is done:", StringComparison.Ordinal)))
        {
            happened = happened[..happened.IndexOf(':', StringComparison.Ordinal)] + ".";
        }

        foreach (var end in (string[])[" needs somebody:", "A probe of restores failed:", "A probe of sign-in failed:"])
        {
            if (happened.IndexOf(end, StringComparison.Ordinal) is >= 0 and var at)
            {
                happened = happened[..(at + end.Length - 1)] + ".";
            }
        }

        return happened;
    }

    private static long SecondsOf(string untried) => long.TryParse(untried.AsSpan(WindowWatch.NothingTried.Length).Trim().ToString().Split(' ')[0], NumberStyles.None, CultureInfo.InvariantCulture, out var seconds) ? seconds : 0;

    [GeneratedRegex(@"^(Planned|Announced|Begun|Paused|Resumed|Changed|Given up|Cancelled) by (.+?)(:|\.$)")]
    private static partial Regex Who();

    [GeneratedRegex(@"^(The step \S+ was |)skipped by .+$", RegexOptions.Singleline)]
    private static partial Regex Skipped();

    private static void Promises(ReportParts report, WindowStatus window)
    {
        report.Heading("Promised, and what happened");
        report.Line("| | promised | happened | |");
        report.Line("|---|---|---|---|");
        report.Line($"| begins | {At(window.StartsAt)} | {At(window.StartedAt)} | {Difference(window.StartedAt, window.StartsAt)} |");
        report.Line($"| services are back | {At(window.BackBy)} | {At(window.BackAt)} | {Difference(window.BackAt, window.BackBy)} |");
        report.Line($"| everyone is caught up | {At(window.CaughtUpBy)} | {At(window.State == WindowStates.Completed ? window.EndedAt : null)} | {Difference(window.State == WindowStates.Completed ? window.EndedAt : null, window.CaughtUpBy)} |");
        if (window.FirstBackBy != window.BackBy || window.FirstCaughtUpBy != window.CaughtUpBy)
        {
            report.Paragraph($"Promised first were {At(window.FirstBackBy)} and {At(window.FirstCaughtUpBy)}{(window.ChangeReason is { } why ? $". Why that was changed: {Plain(why)}" : ".")}");
        }

        if (window.IsForced)
        {
            report.Paragraph("Less was promised than was estimated.");
        }
    }

    private static void Steps(ReportParts report, WindowStatus window, DateTimeOffset now)
    {
        report.Heading("Step by step");
        report.Line("| step | | estimated (P50) | at most (P90) | took | off by | |");
        report.Line("|---|---|---|---|---|---|---|");
        foreach (var step in window.Steps)
        {
            var took = step.StartedAt is { } began ? Math.Max(0, (step.EndedAt ?? now.ToUnixTimeMilliseconds()) - began - step.Leapt) / 1000.0 : (double?)null;
            var off = step is { State: StepStates.Done, Estimated: { } estimated } && took is > 0 ? OffBy(estimated.Half - took.Value, took.Value) : "";
            report.Line($"| {step.Name} | {step.State} | {Span(step.Estimated?.Half)} | {Span(step.Estimated?.Most)} | {Span(took)} | {off} | {(step.Kind == RunStep.StepKind && step.State == StepStates.Done && step.Detail?.StartsWith("skipped", StringComparison.Ordinal) != true ? "" : Plain(Told(step.Detail ?? "", window)))} |");
        }
    }

    /// <summary>What the next window of this kind would be promised with.</summary>
    private static void Learned(ReportParts report, WindowStatus window)
    {
        var learned = window.Steps.Where(step => step is { Learned: { } now } && (step.Estimated is not { } then || Math.Abs(now.Half - then.Half) > 0.01 * then.Half || Math.Abs(now.Most - then.Most) > 0.01 * then.Most)).ToList();
        if (learned.Count > 0)
        {
            report.Heading("What the estimator learned");
            report.Line("| step | it was estimated with | the same again would be |");
            report.Line("|---|---|---|");
            foreach (var step in learned)
            {
                report.Line($"| {step.Name} | {(step.Estimated is { } then ? $"{Span(then.Half)}, {Span(then.Most)} at most" : "not known")} | {Span(step.Learned!.Half)}, {Span(step.Learned.Most)} at most |");
            }
        }
    }

    private static string Difference(long? happened, long? promised) => (happened, promised) is ({ } at, { } by) ? at == by ? "on time" : at < by ? $"{Span(by - at)} before" : $"**{Span(at - by)} late**" : "";

    /// <summary>What an estimate was off by; of what is short a share says little.</summary>
    private static string OffBy(double more, double took) => Math.Abs(more) < 1 ? ""
        : Math.Abs(more) < MinutesOff ? $"{Span(Math.Abs(more))} {(more > 0 ? "sooner" : "longer")}" : string.Create(CultureInfo.InvariantCulture, $"{100 * more / took:+0;-0;0} %");

    private static string Error(long took, long half) => took == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"the estimate was off by {100.0 * Math.Abs(half - took) / took:0} %");

    private static string Percent(long part, long whole) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / whole:0.##} %");
}
