using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;

namespace Holdfast.Authority.Reports;

/// <summary>Sends reports to those who were affected.</summary>
internal sealed class ReportMail(Circulars circulars)
{
    /// <summary>Sends one to the owners of all accounts, once.</summary>
    /// <param name="what">Which report.</param>
    /// <param name="title">What it is about.</param>
    /// <param name="markdown">The report.</param>
    /// <param name="cancellation">Ends it; sent again it goes on from there.</param>
    public Task SendAsync(string what, string title, string markdown, CancellationToken cancellation) =>
        circulars.SendAsync($"report {what}", _ => new Letter(Letter.OnOneLine(title), markdown, Outbox.Language) { IsMarkdown = true }, null, cancellation);
}
