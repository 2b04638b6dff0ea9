using System.Globalization;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Documents;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Holdfast.Authority.Mailing;

/// <summary>Mail: written in the transaction that it tells of, sent by a job, so that none is lost; one that was sent when the node died may come twice, under the same Message-Id.</summary>
/// <param name="directory">Where it waits.</param>
/// <param name="settings">How it is sent; null for not at all.</param>
/// <param name="time">The clock.</param>
/// <param name="serviceUrl">The service's address for people; null if none of the mail can be done without.</param>
/// <param name="isBulk">This one sends what goes to everybody.</param>
internal sealed class Outbox(IDatabase directory, MailSettings? settings, TimeProvider time, Func<string>? serviceUrl = null, bool isBulk = false) : IJobKind
{
    /// <summary>Of people who have not said which is theirs.</summary>
    public const string Language = "en";

    private const string JobName = "mail";
    private const string Mark = "a node sends mail";
    private const long MarkMost = 1L << 37;
    private static readonly TimeSpan _saidFor = TimeSpan.FromDays(1);

    /// <summary>Mail that goes to everybody at once, such as invoices: nobody's code waits behind it.</summary>
    private const string BulkJobName = "bulk-mail";

    /// <summary>From this code on a mail server's no is for good (RFC 5321, 4.2.1).</summary>
    private const int PermanentCode = 500;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>What was not taken for so long is given up: the codes in it have expired.</summary>
    private static readonly TimeSpan _life = TimeSpan.FromDays(3);

    public string Name => isBulk ? BulkJobName : JobName;

    public bool IsPatient => isBulk;

    /// <summary>The one who sends what goes to everybody.</summary>
    public Outbox Bulk => new(directory, settings, time, serviceUrl, isBulk: true);

    /// <summary>False if this node sends no mail.</summary>
    public bool IsConfigured => settings is not null;

    /// <summary>Says that a node of the service sends mail, if this one does, for a day; others then write what it is to send.</summary>
    public Task RenewAsync(CancellationToken cancellation) => IsConfigured
        ? directory.WriteAsync(transaction => transaction.ExecuteAsync("INSERT INTO directory_marks (name, value) VALUES (@mark, @now) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            new { mark = Mark, now = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture) }), cancellation) : Task.CompletedTask;

    /// <summary>Whether this node or another one sends mail.</summary>
    public async Task<bool> IsSentAsync(DatabaseTransaction transaction) => IsConfigured
        || (long.TryParse(await transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @mark", new { mark = Mark }), NumberStyles.None, CultureInfo.InvariantCulture, out var said)
            && (time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(Math.Min(said, MarkMost))).Duration() < _saidFor);

    /// <summary>The same.</summary>
    public async Task<bool> IsSentAsync(CancellationToken cancellation) => IsConfigured || await directory.AskAsync(IsSentAsync, cancellation);

    /// <summary>Has mail sent once the transaction is committed; nothing where no node sends any. A node without a mail server leaves it to those that have one.</summary>
    /// <param name="transaction">What it tells of.</param>
    /// <param name="recipient">An address.</param>
    /// <param name="letter">What it says.</param>
    /// <param name="isBulk">It can wait behind other mail.</param>
    /// <param name="unsubscribe">The token that takes the recipient off mail of this kind; null if they cannot do without.</param>
    public async Task AddAsync(DatabaseTransaction transaction, string recipient, Letter letter, bool isBulk = false, string? unsubscribe = null)
    {
        if (!await IsSentAsync(transaction))
        {
            return;
        }

        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        await transaction.ExecuteAsync("INSERT INTO outbox (mail_id, recipient, subject, body, language, unsubscribe, created_at, is_markdown) VALUES (@id, @recipient, @subject, @body, @language, @unsubscribe, @now, @isMarkdown)",
            new { id, recipient, letter.Subject, letter.Body, letter.Language, unsubscribe, now = time.GetUtcNow().ToUnixTimeSeconds(), isMarkdown = letter.IsMarkdown ? 1L : 0L });
        await JobTable.EnqueueAsync(transaction, isBulk ? BulkJobName : JobName, id, time);
    }

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var id = lease.Job.Subject;
        var (recipient, subject, body, language, createdAt, unsubscribe, isMarkdown) = await directory.AskAsync(transaction => transaction.FindAsync<(string?, string, string, string, long, string?, long)>(
            "SELECT recipient, subject, body, language, created_at, unsubscribe, is_markdown FROM outbox WHERE mail_id = @id AND sent_at IS NULL AND bounced_at IS NULL", new { id }), cancellation);
        if (recipient is null || settings is null)
        {
            await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE outbox SET body = '' WHERE mail_id = @id", new { id }), cancellation);
            return null;
        }

        // What was never tried is not given up: a clock may have leapt, or it waited for its turn.
        if (DateTimeOffset.FromUnixTimeSeconds(createdAt) + _life < time.GetUtcNow() && lease.Job.Failure is { } why)
        {
            await GiveUpAsync(id, why, cancellation);
            return null;
        }

        if (unsubscribe is not null && serviceUrl is not null)
        {
            body += Wording.Of(language)["mail_unsubscribe", $"{serviceUrl()}/unsubscribe/{unsubscribe}"];
        }

        var page = await PageRenderer.RenderAsync(new Letter(subject, body, language) { IsMarkdown = isMarkdown != 0 });
        using var message = new MimeMessage { MessageId = $"{id}@{settings.Host}", Subject = subject, Body = new BodyBuilder { TextBody = body, HtmlBody = page }.ToMessageBody(), Date = time.GetUtcNow() };

        // Nobody's holiday answers it.
        message.Headers.Add("Auto-Submitted", "auto-generated");
        if (unsubscribe is not null && serviceUrl is not null)
        {
            message.Headers.Add(HeaderId.ListUnsubscribe, $"<{serviceUrl()}/v1/mail/{unsubscribe}/unsubscription>");
            message.Headers.Add("List-Unsubscribe-Post", "List-Unsubscribe=One-Click");
        }

        message.From.Add(MailboxAddress.Parse(settings.From));
        message.To.Add(MailboxAddress.Parse(recipient));
        using var client = new SmtpClient { Timeout = (int)_patience.TotalMilliseconds };
        await client.ConnectAsync(settings.Host, settings.Port, settings.Encryption switch
        {
            "tls" => SecureSocketOptions.SslOnConnect,
            "none" => SecureSocketOptions.None,
            _ => SecureSocketOptions.StartTls,
        }, cancellation);
        if (settings.User is not null)
        {
            await client.AuthenticateAsync(settings.User, (await File.ReadAllTextAsync(settings.PasswordFile!, cancellation)).Trim(), cancellation);
        }

        try
        {
            await client.SendAsync(message, cancellation);
        }
        catch (SmtpCommandException exception) when (exception.ErrorCode == SmtpErrorCode.RecipientNotAccepted && (int)exception.StatusCode >= PermanentCode)
        {
            // It will not be taken tomorrow either: the operator is told, and nothing is tried again.
            await GiveUpAsync(id, $"the mail server answered {(int)exception.StatusCode} {exception.Message}", cancellation);
            await client.DisconnectAsync(true, cancellation);
            return null;
        }

        // What it said is not kept: codes stand in it.
        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE outbox SET sent_at = @now, body = '' WHERE mail_id = @id", new { id, now = time.GetUtcNow().ToUnixTimeSeconds() }), cancellation);
        await client.DisconnectAsync(true, cancellation);
        return null;
    }

    private Task GiveUpAsync(string id, string failure, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE outbox SET bounced_at = @now, failure = @failure, body = '' WHERE mail_id = @id", new { id, failure, now = time.GetUtcNow().ToUnixTimeSeconds() }), cancellation);
}
