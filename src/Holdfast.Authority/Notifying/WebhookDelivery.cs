using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;

namespace Holdfast.Authority.Notifying;

/// <summary>Sends one thing to one webhook, signed as Standard Webhooks 1.0 says (HMAC-SHA256 of id, time and body); tried again for three days. One that was taken when the node died may come twice, under the same webhook-id.</summary>
internal sealed class WebhookDelivery(IDatabase directory, HttpClient http, TimeProvider time) : IJobKind
{
    public const string JobName = "webhook";

    private const int FailureLengthMax = 300;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _pauseMax = TimeSpan.FromHours(1);
    private static readonly TimeSpan _life = TimeSpan.FromDays(3);

    public string Name => JobName;

    // Whoever takes nothing must not hold up what people wait for.
    public bool IsPatient => true;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var id = lease.Job.Subject;
        var (url, secret, body, createdAt, pausedUntil) = await directory.AskAsync(transaction => transaction.FindAsync<(string?, string, string, long, long)>(
            "SELECT w.url, w.secret, d.body, d.created_at, w.paused_until FROM deliveries d JOIN webhooks w ON w.webhook_id = d.webhook_id WHERE d.delivery_id = @id AND d.sent_at IS NULL", new { id }), cancellation);
        if (url is null)
        {
            return null;
        }

        // One that does not answer is asked now and then, and holds up nothing else. A pause that a clock which was ahead began is none.
        var now = time.GetUtcNow();
        if (pausedUntil > now.ToUnixTimeSeconds() && pausedUntil <= (now + _pauseMax).ToUnixTimeSeconds() && now < DateTimeOffset.FromUnixTimeSeconds(createdAt) + _life)
        {
            return DateTimeOffset.FromUnixTimeSeconds(pausedUntil);
        }

        if (await TrySendAsync(id, url, secret, body, cancellation) is not { } failure)
        {
            await KeepAsync("UPDATE deliveries SET sent_at = @now WHERE delivery_id = @id", "UPDATE webhooks SET taken_at = @now, failure = NULL, tries = 0, paused_until = 0 WHERE webhook_id = (SELECT webhook_id FROM deliveries WHERE delivery_id = @id)", id, null, cancellation);
            return null;
        }

        if (DateTimeOffset.FromUnixTimeSeconds(createdAt) + _life > now)
        {
            var until = await directory.WriteAsync(transaction => transaction.FindAsync<long>(
                """
                UPDATE webhooks SET tries = tries + 1, paused_until = @now + CASE WHEN tries < 7 THEN 30 * (1 + tries * tries) ELSE @longest END
                WHERE webhook_id = (SELECT webhook_id FROM deliveries WHERE delivery_id = @id) RETURNING paused_until
                """, new { id, now = now.ToUnixTimeSeconds(), longest = (long)_pauseMax.TotalSeconds }), cancellation);
            return DateTimeOffset.FromUnixTimeSeconds(until);
        }

        await KeepAsync("UPDATE webhooks SET failure = @failure WHERE webhook_id = (SELECT webhook_id FROM deliveries WHERE delivery_id = @id)", "DELETE FROM deliveries WHERE delivery_id = @id", id, failure, cancellation);
        return null;
    }

    /// <summary>Why it was not taken; null if it was.</summary>
    private async Task<string?> TrySendAsync(string id, string url, string secret, string body, CancellationToken cancellation)
    {
        var at = time.GetUtcNow().ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        var signature = HMACSHA256.HashData(Convert.FromBase64String(secret[Webhooks.SecretPrefix.Length..]), Encoding.UTF8.GetBytes($"{id}.{at}.{body}"));
        using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new StringContent(body, new UTF8Encoding(false), new MediaTypeHeaderValue("application/json", "utf-8")) };
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", at);
        request.Headers.Add("webhook-signature", $"v1,{Convert.ToBase64String(signature)}");
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_patience);
        try
        {
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit.Token);
            return response.IsSuccessStatusCode ? null : $"It answered {(int)response.StatusCode}.";
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            return exception is OperationCanceledException ? $"It did not answer within {_patience.TotalSeconds} seconds." : exception.Message is { Length: > FailureLengthMax } text ? text[..FailureLengthMax] : exception.Message;
        }
    }

    private Task KeepAsync(string first, string second, string id, string? failure, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var parameters = new { id, failure = failure ?? "", now = time.GetUtcNow().ToUnixTimeSeconds() };
        return await transaction.ExecuteAsync(first, parameters) + await transaction.ExecuteAsync(second, parameters);
    }, cancellation);
}
