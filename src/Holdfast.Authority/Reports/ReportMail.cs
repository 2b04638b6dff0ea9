using System.Text.Json;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Reports;

/// <summary>Sends reports to those who were affected: kept as it is to be sent, then sent by a job to the owners of all accounts, each once.</summary>
internal sealed class ReportMail(IDatabase directory, Circulars circulars, Outbox outbox, TimeProvider time) : IJobKind
{
    private const string JobName = "report-mail";

    public string Name => JobName;

    /// <summary>Has one sent; one that was is the failure conflict.</summary>
    /// <param name="what">Which report.</param>
    /// <param name="title">What it is about.</param>
    /// <param name="markdown">The report.</param>
    /// <param name="cancellation">Ends it.</param>
    public Task SendAsync(string what, string title, string markdown, CancellationToken cancellation) => !outbox.IsConfigured
        ? throw new HoldfastException(FailureTable.Conflict, "This node sends no mail: name a mail server in its configuration (`holdfastd config explain`), or ask a node that has one.")
        : directory.WriteAsync(async transaction =>
        {
            var text = JsonSerializer.Serialize<string[]>([Letter.OnOneLine(title), markdown]);
            if (await transaction.ExecuteAsync("INSERT INTO directory_marks (name, value) VALUES (@mark, @text) ON CONFLICT DO NOTHING", new { mark = MarkOf(what), text }) == 0)
            {
                throw new HoldfastException(FailureTable.Conflict, "This report was mailed before, as it was then: nobody is sent it twice.");
            }

            await JobTable.EnqueueAsync(transaction, JobName, what, time);
            return 0;
        }, cancellation);

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var what = lease.Job.Subject;
        if (await directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @mark", new { mark = MarkOf(what) }), cancellation) is { } text
            && JsonSerializer.Deserialize<string[]>(text) is [var title, var markdown])
        {
            await circulars.SendAsync($"report {what}", _ => new Letter(title, markdown, Outbox.Language) { IsMarkdown = true }, null, cancellation);
        }

        return null;
    }

    private static string MarkOf(string what) => $"report {what} text";
}
