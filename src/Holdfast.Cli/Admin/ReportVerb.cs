using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>report</c>: of a window, or an incident; finished with the operator's words, and sent.</summary>
internal static class ReportVerb
{
    /// <param name="output">Where to.</param>
    /// <param name="description">What it tells.</param>
    /// <param name="of">Of what.</param>
    /// <param name="path">Where it is; <c>{of}</c> is put in.</param>
    /// <param name="type">The answer.</param>
    /// <param name="texts">Its text, and the same as a page.</param>
    /// <param name="message">What it is called among JSON lines.</param>
    public static Command Of<TReport>(Output output, string description, Argument<string> of, string path, JsonTypeInfo<TReport> type, Func<TReport, (string Markdown, string Html)> texts, string message)
    {
        var html = new Option<bool>("--html") { Description = "As a page, instead of Markdown." };
        var apology = new Option<string?>("--apology") { Description = "A file in Markdown with what you say to those who were affected; it stands at the report's head from now on. - for standard input.", HelpName = "FILE" };
        var mail = new Option<bool>("--mail") { Description = "Send it to the owners of all accounts, once." };
        return AdminCall.Ask("report", $"{description} In Markdown, from what was recorded; the apology alone is yours.", [of, html, apology, mail], async (parsed, service, cancellation) =>
        {
            var address = path.Replace("{of}", AdminCall.Part(parsed, of), StringComparison.Ordinal);
            var asked = new FinishReport(parsed.GetValue(apology) is { } file ? await ReadAsync(file, cancellation) : null, parsed.GetValue(mail));
            var report = asked is { Apology: null, Mail: false } ? await service.GetAtAsync(address, type, cancellation) : await service.SendOnceAsync(HttpMethod.Post, address, asked, MessageJson.Default.FinishReport, type, cancellation);
            var (markdown, page) = texts(report);
            output.Print((parsed.GetValue(html) ? page : markdown).TrimEnd('\n'));
            if (asked.Mail)
            {
                output.Say("It is on its way to the owners of all accounts.");
            }

            output.Message(message, ("markdown", markdown), ("html", page), ("mailed", asked.Mail));
        });
    }

    /// <summary>A file's text.</summary>
    public static async Task<string> ReadAsync(string file, CancellationToken cancellation)
    {
        try
        {
            return file == "-" ? await Console.In.ReadToEndAsync(cancellation) : await File.ReadAllTextAsync(file, cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{file} cannot be read: {exception.Message}", exception);
        }
    }
}
