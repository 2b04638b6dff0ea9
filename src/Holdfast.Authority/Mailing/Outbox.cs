using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Documents;
using Holdfast.Documents.Letters;
using MailKit.Net.Smtp;
using MailKit.Security;
using MimeKit;

namespace Holdfast.Authority.Mailing;

/// <summary>Mail: written in the transaction that it tells of, sent by a job, so that none is lost; one that was sent when the node died may come twice, under the same Message-Id.</summary>
internal sealed class Outbox(IDatabase directory, MailSettings? settings, TimeProvider time, bool isBulk = false) : IJobKind
{
    /// <summary>Of people who have not said which is theirs.</summary>
    public const string Language = "en";

    private const string JobName = "mail";

    /// <summary>Mail that goes to everybody at once, such as invoices: nobody's code waits behind it.</summary>
    private const string BulkJobName = "bulk-mail";

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    /// <summary>What was not taken for so long is given up: the codes in it have expired.</summary>
    private static readonly TimeSpan _life = TimeSpan.FromDays(3);

    public string Name => isBulk ? BulkJobName : JobName;

    public bool IsPatient => isBulk;

    /// <summary>The one who sends what goes to everybody.</summary>
    public Outbox Bulk => new(directory, settings, time, isBulk: true);

    /// <summary>False if the service sends no mail.</summary>
    public bool IsConfigured => settings is not null;

    /// <summary>Has mail sent once the transaction is committed.</summary>
    public async Task AddAsync(DatabaseTransaction transaction, string recipient, Letter letter, bool isBulk = false)
    {
        var id = Guid.CreateVersion7(time.GetUtcNow()).ToString();
        await transaction.ExecuteAsync("INSERT INTO outbox (mail_id, recipient, subject, body, language, created_at) VALUES (@id, @recipient, @subject, @body, @language, @now)",
            new { id, recipient, letter.Subject, letter.Body, letter.Language, now = time.GetUtcNow().ToUnixTimeSeconds() });
        await JobTable.EnqueueAsync(transaction, isBulk ? BulkJobName : JobName, id, time);
    }

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var id = lease.Job.Subject;
        var (recipient, subject, body, language, createdAt) = await directory.AskAsync(transaction => transaction.FindAsync<(string?, string, string, string, long)>(
            "SELECT recipient, subject, body, language, created_at FROM outbox WHERE mail_id = @id AND sent_at IS NULL", new { id }), cancellation);
        if (recipient is null || settings is null || DateTimeOffset.FromUnixTimeSeconds(createdAt) + _life < time.GetUtcNow())
        {
            await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE outbox SET body = '' WHERE mail_id = @id", new { id }), cancellation);
            return null;
        }

        var page = await PageRenderer.RenderAsync(new Letter(subject, body, language));
        using var message = new MimeMessage { MessageId = $"{id}@{settings.Host}", Subject = subject, Body = new BodyBuilder { TextBody = body, HtmlBody = page }.ToMessageBody(), Date = time.GetUtcNow() };

        // Nobody's holiday answers it.
        message.Headers.Add("Auto-Submitted", "auto-generated");
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

        await client.SendAsync(message, cancellation);

        // What it said is not kept: codes stand in it.
        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE outbox SET sent_at = @now, body = '' WHERE mail_id = @id", new { id, now = time.GetUtcNow().ToUnixTimeSeconds() }), cancellation);
        await client.DisconnectAsync(true, cancellation);
        return null;
    }
}
