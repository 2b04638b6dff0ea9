using System.Globalization;
using System.Text;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>A window's report in Markdown: what was promised and what happened, from what was recorded alone. The apology, if there has to be one, is the operator's to write.</summary>
internal static class ReportText
{
    private const int BarLength = 40;

    /// <param name="window">The window.</param>
    /// <param name="events">What happened.</param>
    /// <param name="message">What its plan says to those who were affected.</param>
    /// <param name="estimate">What it was announced with: seconds until services are back and until everyone is caught up, P50 and P90 of each.</param>
    /// <param name="now">For a window that has not ended.</param>
    public static string Of(WindowStatus window, IReadOnlyList<WindowEvent> events, string? message, (long? BackHalf, long? BackMost, long? CaughtUpHalf, long? CaughtUpMost) estimate, DateTimeOffset now)
    {
        var text = new StringBuilder();
        void Line(string line = "") => text.Append(line).Append('\n');
        var until = window.EndedAt is { } over ? DateTimeOffset.FromUnixTimeSeconds(over) : now;
        Line($"# Maintenance: {Plain(window.Name)}");
        Line();
        Line(window.State switch
        {
            "completed" => $"It is over. {(window.BackAt <= window.BackBy && window.EndedAt <= window.CaughtUpBy ? "Both promises were kept." : "Not every promise was kept.")}",
            "cancelled" => "It was given up.",
            "planned" or "announced" => "It has not begun.",
            _ => "It is under way.",
        });
        if (message is { Length: > 0 })
        {
            Line();
            Line(Plain(message));
        }

        Line();
        Line("## Promised, and what happened");
        Line();
        Line("| | promised | happened | |");
        Line("|---|---|---|---|");
        Line($"| begins | {At(window.StartsAt)} | {At(window.StartedAt)} | {Difference(window.StartedAt, window.StartsAt)} |");
        Line($"| services are back | {At(window.BackBy)} | {At(window.BackAt)} | {Difference(window.BackAt, window.BackBy)} |");
        Line($"| everyone is caught up | {At(window.CaughtUpBy)} | {At(window.State == "completed" ? window.EndedAt : null)} | {Difference(window.State == "completed" ? window.EndedAt : null, window.CaughtUpBy)} |");
        if (window.IsForced)
        {
            Line();
            Line("Less was promised than was estimated.");
        }

        Line();
        Line("## Restores and sign-ins meanwhile");
        Line();
        Line(window.Probes.Tried == 0 ? "None were tried." : $"{window.Probes.Tried - window.Probes.Failed} of {window.Probes.Tried} that the service tried itself worked ({Percent(window.Probes.Tried - window.Probes.Failed, window.Probes.Tried)}); the slowest took {window.Probes.WorstMilliseconds} ms.");
        Line();
        Line("## Step by step");
        Line();
        Line("| step | | estimated (P50) | at most (P90) | took | |");
        Line("|---|---|---|---|---|---|");
        foreach (var step in window.Steps)
        {
            var took = step.StartedAt is { } began ? (step.EndedAt ?? now.ToUnixTimeMilliseconds()) - began : (long?)null;
            Line($"| {step.Name} | {step.State} | {Span(step.Estimated?.Half)} | {Span(step.Estimated?.Most)} | {Span(took / 1000.0)} | {Plain(step.Detail ?? "")} |");
        }

        if (estimate is { BackHalf: { } half, BackMost: { } most } && window is { StartedAt: { } start, BackAt: { } back })
        {
            Line();
            Line($"Services were away for {Span(back - start)}; estimated were {Span(half)}, and once in ten times more than {Span(most)}: {Error(back - start, half)}.");
        }

        Line();
        Line("## When");
        Line();
        Chart(window, until, Line);
        Line();
        foreach (var one in events)
        {
            Line($"- {At(one.At)}: {Plain(one.Event)}");
        }

        return text.ToString();
    }

    /// <summary>A bar for each step, along the window's time.</summary>
    private static void Chart(WindowStatus window, DateTimeOffset until, Action<string> line)
    {
        var began = window.Steps.Select(step => step.StartedAt).OfType<long>().DefaultIfEmpty().Min();
        var span = Math.Max(1, until.ToUnixTimeMilliseconds() - began);
        line("```");
        var width = window.Steps.Max(step => step.Name.Length);
        foreach (var step in window.Steps.Where(step => step.StartedAt is not null))
        {
            var from = (int)Math.Clamp(BarLength * (double)(step.StartedAt!.Value - began) / span, 0, BarLength - 1);
            var to = (int)Math.Clamp(Math.Ceiling(BarLength * (double)((step.EndedAt ?? until.ToUnixTimeMilliseconds()) - began) / span), from + 1, BarLength);
            line($"{step.Name.PadRight(width)} {new string(' ', from)}{new string('█', to - from)}{new string(' ', BarLength - to)} {Span(((step.EndedAt ?? until.ToUnixTimeMilliseconds()) - step.StartedAt.Value) / 1000.0)}");
        }

        line("```");
    }

    private static string At(long? seconds) => seconds is { } at ? $"{DateTimeOffset.FromUnixTimeSeconds(at):yyyy-MM-dd HH:mm:ss} UTC" : "–";

    private static string Difference(long? happened, long? promised) => (happened, promised) is ({ } at, { } by) ? at <= by ? $"{Span(by - at)} before" : $"**{Span(at - by)} late**" : "";

    private static string Span(double? seconds) => seconds is not { } value ? "–" : value switch
    {
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{value:0.#} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{value / 60:0.#} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value / 3600:0.#} h"),
    };

    private static string Error(long took, long half) => took == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"the estimate was off by {100.0 * Math.Abs(half - took) / took:0} %");

    private static string Percent(long part, long whole) => string.Create(CultureInfo.InvariantCulture, $"{100.0 * part / whole:0.##} %");

    /// <summary>What people wrote, without what Markdown or a page would take for its own.</summary>
    private static string Plain(string text)
    {
        var plain = new StringBuilder();
        foreach (var letter in Holdfast.Documents.Letters.Letter.OnOneLine(text))
        {
            plain.Append(letter is '<' or '>' or '|' or '*' or '`' or '[' or ']' or '\\' or '_' or '#' ? $"\\{letter}" : letter);
        }

        return plain.ToString();
    }
}
