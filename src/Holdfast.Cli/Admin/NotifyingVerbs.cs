using System.CommandLine;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin alerts</c>, <c>webhook</c> and <c>mail</c>: what people and programs are told.</summary>
internal static class NotifyingVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var all = new Option<bool>("--all") { Description = "Also what is over." };
        admin.Subcommands.Add(AdminCall.Build("alerts", "What the operator should look at. Exit code 3 if something is open.", [all], AdminVerb.Connect, async (parsed, service, cancellation) =>
        {
            var alerts = await service.ListAsync($"/v1/alerts?all={(parsed.GetValue(all) ? "true" : "false")}", MessageJson.Default.AlertList, page => (page.Alerts, page.Next), cancellation);
            foreach (var alert in alerts)
            {
                output.Print($"{AdminVerb.At(alert.RaisedAt)}  {alert.Severity,-8}  {alert.Kind} {alert.Subject}{(alert.ResolvedAt is { } over ? $"  over since {AdminVerb.At(over)}" : "")}\n  {alert.Message}");
                output.Message("alert", ("id", alert.Id), ("kind", alert.Kind), ("subject", alert.Subject), ("severity", alert.Severity), ("text", alert.Message), ("raised_at", alert.RaisedAt), ("resolved_at", alert.ResolvedAt));
            }

            return alerts.Any(alert => alert.ResolvedAt is null) ? ExitCode.Partial : ExitCode.Ok;
        }));
        var url = new Argument<string>("URL") { Description = "Where to: https, or http on the service's own machine." };
        var topics = new Option<string[]>("--topic") { Description = $"Only this, several are allowed: {string.Join(", ", WebhookTopics.All)}." };
        var account = new Option<string?>("--account") { Description = "Only of this account." };
        var id = new Argument<string>("ID") { Description = "Which, as the list says." };
        admin.Subcommands.Add(new Command("webhook", """
            Programs that are told what happens: by POST, as JSON, signed (Standard Webhooks: webhook-id, webhook-timestamp, webhook-signature), and again until it is taken, for three days.

            Example:
              holdfast admin webhook add https://example.org/hooks/holdfast --topic alert.raised --topic alert.resolved
            """)
        {
            AdminCall.Ask("list", "Webhooks, and whether they take what they are sent.", [], async (_, service, cancellation) =>
            {
                foreach (var webhook in (await service.GetAtAsync("/v1/webhooks", MessageJson.Default.WebhookList, cancellation)).Webhooks)
                {
                    output.Print($"{webhook.Id}  {webhook.Url}  {string.Join(' ', webhook.Topics)}{(webhook.Account is { } only ? $"  of {only}" : "")}{(webhook.TakenAt is { } at ? $"  last taken {AdminVerb.At(at)}" : "")}{(webhook.Failure is { } why ? $"\n  gave up: {why}" : "")}");
                    output.Message("webhook", ("id", webhook.Id), ("url", webhook.Url), ("topics", string.Join(' ', webhook.Topics)), ("account", webhook.Account), ("created_at", webhook.CreatedAt), ("taken_at", webhook.TakenAt), ("failure", webhook.Failure));
                }
            }),
            AdminCall.Ask("add", "Has a program told; the secret that signs it is shown once.", [url, topics, account], async (parsed, service, cancellation) =>
            {
                var asked = new AddWebhook(parsed.GetRequiredValue(url), parsed.GetValue(topics) is { Length: > 0 } some ? some : null, parsed.GetValue(account));
                var added = await service.SendOnceAsync(HttpMethod.Post, "/v1/webhooks", asked, MessageJson.Default.AddWebhook, MessageJson.Default.WebhookAdded, cancellation);
                output.Say($"Webhook {added.Webhook}; what it is sent is signed with");
                output.Print(added.Secret);
                output.Message("webhook_added", ("id", added.Webhook), ("secret", added.Secret));
            }),
            AdminCall.Act(output, "remove", "Tells a program nothing any more.", [id], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/webhooks/" + AdminCall.Part(parsed, id), cancellation), "It is told nothing any more."),
        });
        var topic = new Argument<string>("TOPIC") { Description = "Such as digest." };
        var wanted = new Argument<string>("on|off") { Description = "Whether you get it." };
        wanted.AcceptOnlyFromAmong("on", "off");
        admin.Subcommands.Add(new Command("mail", "Mail that you may do without. Bills, restores and what concerns your security are not among it.")
        {
            AdminCall.Ask("list", "What there is, and whether you get it.", [], async (_, service, cancellation) => Show(output, await service.GetAtAsync("/v1/me/mail", MessageJson.Default.MailChoices, cancellation))),
            AdminCall.Ask("set", "Says whether you want mail of a topic.", [topic, wanted], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Put, "/v1/me/mail", new MailChoice(parsed.GetRequiredValue(topic), parsed.GetRequiredValue(wanted) == "on"), MessageJson.Default.MailChoice, MessageJson.Default.MailChoices, cancellation))),
            AdminCall.Build("unsubscribe", "Takes you off by the link in a mail, without signing in.", [id], AdminVerb.ConnectAsNobody, async (parsed, service, cancellation) =>
            {
                await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/mail/{AdminCall.Part(parsed, id)}/unsubscription", cancellation);
                output.Say("You get no more mail of this kind.");
                return ExitCode.Ok;
            }),
        });
    }

    private static void Show(Output output, MailChoices choices)
    {
        foreach (var choice in choices.Choices)
        {
            output.Print($"{choice.Topic,-12} {(choice.IsOn ? "on" : "off")}");
            output.Message("mail_choice", ("topic", choice.Topic), ("on", choice.IsOn));
        }
    }
}
