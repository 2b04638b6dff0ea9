using Holdfast.Authority.Alerting;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Devices;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Notifying;

/// <summary>The API of what people and programs are told.</summary>
internal sealed class NotifyingEndpoints(Alerts alerts, Webhooks webhooks, Subscriptions subscriptions, DeviceTable devices)
{
    public void Map(ApiRoutes api)
    {
        api.Get("/alerts", ApiAction.ReadService, "What the operator should look at, the latest first; with `all`, also what is over.",
            (bool? all, string? cursor, int? limit, CancellationToken cancellation) => alerts.ListAsync(all ?? false, Paging.Of(cursor, limit), cancellation));
        api.Get("/webhooks", ApiAction.ReadService, "Programs that are told what happens, without their secrets.", webhooks.ListAsync);
        api.Post("/webhooks", ApiAction.ChangeWebhooks, "Has a program told what happens, of one account or of all and the service, and shows the secret that signs it, once.", (AddWebhook asked, CancellationToken cancellation) => webhooks.AddAsync(asked, cancellation));
        api.Delete("/webhooks/{webhook}", ApiAction.ChangeWebhooks, "Tells a program nothing any more.", async (string webhook, CancellationToken cancellation) =>
        {
            await webhooks.RemoveAsync(webhook, cancellation);
            return new Done();
        });
        api.Get("/me/mail", ApiAction.ReadOneself, "Mail that one may do without, and whether one gets it.", (HttpContext context, CancellationToken cancellation) => subscriptions.ListAsync(CallerCheck.PersonOf(context), cancellation));
        api.Put("/me/mail", ApiAction.ChangeOneself, "Says whether one wants mail of a topic.", (HttpContext context, MailChoice choice, CancellationToken cancellation) => subscriptions.ChangeAsync(CallerCheck.PersonOf(context), choice, cancellation));
        api.Post("/mail/{token}/unsubscription", ApiAction.Unsubscribe, "Takes whoever a mail was for off its topic, by the link in it (RFC 8058).", async (string token, CancellationToken cancellation) =>
        {
            await subscriptions.UnsubscribeAsync(token, cancellation);
            return new Done();
        });
        api.Post("/accounts/{account}/failure", ApiAction.ReportFailure, "A computer says why its backup did not end; its owners hear of it.", async (HttpContext context, ReportFailure report, CancellationToken cancellation) =>
        {
            await devices.KeepFailureAsync(CallerCheck.DeviceOf(context), FailureTable.All.ContainsKey(report.Code) ? report.Code : FailureTable.Internal.Code, cancellation);
            return new Done();
        });
    }
}
