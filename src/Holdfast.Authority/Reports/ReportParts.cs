using System.Globalization;
using System.Text;
using Holdfast.Documents.Letters;

namespace Holdfast.Authority.Reports;

/// <summary>What reports have in common: Markdown, from what was recorded alone. The apology, if there has to be one, is the operator's to write.</summary>
internal sealed class ReportParts
{
    private const int BarLength = 40;

    private readonly StringBuilder _text = new();

    public void Line(string line = "") => _text.Append(line).Append('\n');

    /// <summary>A paragraph.</summary>
    public void Paragraph(string text)
    {
        Line();
        Line(text);
    }

    /// <summary>A heading.</summary>
    public void Heading(string text)
    {
        Line();
        Line($"## {text}");
        Line();
    }

    /// <summary>A bar for each of what took its time, along the time of all of them.</summary>
    public void Chart(IReadOnlyList<ChartBar> bars)
    {
        if (bars.Count == 0)
        {
            return;
        }

        var (began, width) = (bars.Min(bar => bar.From), bars.Max(bar => bar.Name.Length));
        var span = Math.Max(1, bars.Max(bar => bar.Until) - began);
        Line("```");
        foreach (var bar in bars)
        {
            var from = (int)Math.Clamp(BarLength * (double)(bar.From - began) / span, 0, BarLength - 1);
            var until = (int)Math.Clamp(Math.Ceiling(BarLength * (double)(bar.Until - began) / span), from + 1, BarLength);
            Line($"{bar.Name.PadRight(width)} {new string(' ', from)}{new string('█', until - from)}{new string(' ', BarLength - until)} {Span((bar.Until - bar.From) / 1000.0)}");
        }

        Line("```");
        Line();
    }

    /// <summary>Whom it affected, what was given back, and whether data was at risk.</summary>
    public void Affected(Affected affected, bool isOver)
    {
        var waits = affected.Waits;
        Heading("Who was affected");
        Line(waits.Computers == 0 ? "No computer had to wait for its backup." : $"{Count(waits.Computers, "computer")} of {Count(waits.Accounts, "account")} had to wait for a backup: {Span(waits.AverageSeconds)} on average, {Span(waits.LongestSeconds)} at most."
            + (waits.Waiting == 0 ? "" : isOver ? $" {Count(waits.Waiting, "computer")} did not come back for their turn yet." : $" {Count(waits.Waiting, "computer")} wait now."));
        Heading("What was given back");
        foreach (var outage in affected.Outages)
        {
            Line($"- Recorded as an outage: {At(outage.From)} to {At(outage.Until)} ({Span(outage.Until - outage.From)}): {Plain(outage.Reason)}");
        }

        if (affected.Outages.Count > 0)
        {
            Paragraph($"Plans promise by the month: in that month outages of {Span(affected.Month)} were recorded, {Span(affected.Outages.Sum(outage => outage.Until - outage.From))} of them here.");
        }

        Line(affected.Outages.Count == 0 ? "No outage was recorded, so nothing is given back."
            : affected.Credits.Count == 0 ? "What they do not keep is given back with invoices; none that was issued until now gives anything back for it."
            : $"With invoices that were issued since: {string.Join(", ", affected.Credits.Select(credit => $"{credit.Sum} to {Count(credit.Accounts, "account")}"))}.");
        Heading("Was data at risk?");
        Line(affected.Verification switch
        {
            { Failure: null, DamageCount: 0 } proof => $"No. The pods read everything that snapshots need ({At(proof.StartedAt)} to {At(proof.EndedAt)}): {Count(proof.Snapshots, "snapshot")} of {Count(proof.Accounts, "account")}, {proof.Bytes} bytes; every frame is what its computer signed.",
            { Failure: not null } proof => $"It is not known: the verification that ended at {At(proof.EndedAt)} did not read everything.",
            { DamageCount: var damages } proof => $"**Yes.** A verification found {Count(damages, "damage")} ({At(proof.EndedAt)}).",
            null => "Nobody has verified everything since data was touched last.",
        });
    }

    public override string ToString() => _text.ToString();

    public static string At(long? seconds) => seconds is { } at ? $"{DateTimeOffset.FromUnixTimeSeconds(at):yyyy-MM-dd HH:mm:ss} UTC" : "–";

    public static string Span(double? seconds) => seconds is not { } value ? "–" : value switch
    {
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{value:0.#} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{value / 60:0.#} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value / 3600:0.#} h"),
    };

    public static string Count(long number, string what) => $"{number} {what}{(number == 1 ? "" : "s")}";

    /// <summary>What people wrote, without what Markdown or a page would take for its own.</summary>
    public static string Plain(string text)
    {
        var plain = new StringBuilder();
        foreach (var letter in Letter.OnOneLine(text))
        {
            plain.Append(letter is '<' or '>' or '|' or '*' or '`' or '[' or ']' or '\\' or '_' or '#' ? $"\\{letter}" : letter);
        }

        return plain.ToString();
    }
}

/// <summary>Something that took its time, in a report's chart.</summary>
/// <param name="Name">What it was.</param>
/// <param name="From">When it began, in milliseconds since 1970.</param>
/// <param name="Until">When it was over, the same.</param>
internal readonly record struct ChartBar(string Name, long From, long Until);
