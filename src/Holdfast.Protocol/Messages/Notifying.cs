namespace Holdfast.Protocol.Messages;

/// <summary>Something that the operator should look at, or should have.</summary>
/// <param name="Id">Rises with the time of raising.</param>
/// <param name="Kind">Such as <c>drive</c>, <c>space</c>, <c>self_backup</c>, <c>certificate</c>, <c>job</c>, <c>mail</c>.</param>
/// <param name="Subject">What of that kind.</param>
/// <param name="Severity"><c>warning</c> or <c>critical</c>.</param>
/// <param name="Message">What is wrong, and what to do.</param>
/// <param name="RaisedAt">Unix seconds.</param>
/// <param name="ResolvedAt">When it was over, Unix seconds; null while it is not.</param>
public sealed record Alert(string Id, string Kind, string Subject, string Severity, string Message, long RaisedAt, long? ResolvedAt);

/// <summary>A page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record AlertList(IReadOnlyList<Alert> Alerts, string? Next);

/// <summary>Has a program told what happens, by POST.</summary>
/// <param name="Url">https, or http on the loopback.</param>
/// <param name="Topics">Which of <see cref="WebhookTopics.All"/>; all of them if null.</param>
/// <param name="Account">Only of this account, by name; of all, and of the service, if null.</param>
public sealed record AddWebhook(string Url, IReadOnlyList<string>? Topics = null, string? Account = null);

/// <summary>The secret is shown once: it signs what is sent (Standard Webhooks, HMAC-SHA256).</summary>
public sealed record WebhookAdded(string Webhook, string Secret);

/// <summary>A webhook.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Url">Where it is, without the path, which may be a secret.</param>
/// <param name="Topics">What it is told.</param>
/// <param name="Account">Only of this account.</param>
/// <param name="CreatedAt">Unix seconds.</param>
/// <param name="TakenAt">When it took something last, Unix seconds.</param>
/// <param name="Failure">Why the last thing that it was to be told was given up; null if it was not.</param>
public sealed record WebhookSummary(string Id, string Url, IReadOnlyList<string> Topics, string? Account, long CreatedAt, long? TakenAt, string? Failure);

public sealed record WebhookList(IReadOnlyList<WebhookSummary> Webhooks);

/// <summary>What webhooks can be told.</summary>
public static class WebhookTopics
{
    public const string AlertRaised = "alert.raised";
    public const string AlertResolved = "alert.resolved";
    public const string ComputersNeedAttention = "computers.need_attention";
    public const string RestoreEnded = "restore.ended";
    public const string InvoiceIssued = "invoice.issued";
    public const string AccountClosing = "account.closing";
    public const string WindowChanged = "window.changed";
    public const string IncidentChanged = "incident.changed";

    public static IReadOnlyList<string> All { get; } = [AlertRaised, AlertResolved, ComputersNeedAttention, RestoreEnded, InvoiceIssued, AccountClosing, WindowChanged, IncidentChanged];
}

/// <summary>What a webhook is told.</summary>
/// <param name="Type">One of <see cref="WebhookTopics.All"/>.</param>
/// <param name="Timestamp">When it happened, Unix seconds.</param>
/// <param name="Account">The account's name; null if it is about the service.</param>
/// <param name="Data">What happened, by name.</param>
public sealed record WebhookEvent(string Type, long Timestamp, string? Account, IReadOnlyDictionary<string, string> Data);

/// <summary>Mail that somebody may do without, and whether they get it.</summary>
/// <param name="Topic">Such as <c>digest</c>.</param>
/// <param name="IsOn">They get it.</param>
public sealed record MailChoice(string Topic, bool IsOn);

public sealed record MailChoices(IReadOnlyList<MailChoice> Choices);

/// <summary>A computer says why its backup did not end.</summary>
/// <param name="Code">The failure's code (docs/errors.md); nothing that names files.</param>
public sealed record ReportFailure(string Code);
