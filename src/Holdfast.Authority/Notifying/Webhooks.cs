using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Notifying;

/// <summary>Programs that are told what happens: written in the transaction that it tells of, sent by a job (<see cref="WebhookDelivery"/>).</summary>
internal sealed class Webhooks(IDatabase directory, AccountDirectory accounts, TimeProvider time)
{
    public const string SecretPrefix = "whsec_";

    private const int SecretLength = 32;
    private const int WebhooksMax = 100;

    public async Task<WebhookAdded> AddAsync(AddWebhook asked, CancellationToken cancellation)
    {
        if (!Uri.TryCreate(asked.Url, UriKind.Absolute, out var url) || (url.Scheme != Uri.UriSchemeHttps && !(url.Scheme == Uri.UriSchemeHttp && url.IsLoopback)) || url.UserInfo.Length > 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A webhook's address is like https://example.org/hooks/holdfast.");
        }

        var topics = asked.Topics ?? WebhookTopics.All;
        if (topics.Count == 0 || topics.FirstOrDefault(topic => !WebhookTopics.All.Contains(topic)) is not null)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A webhook is told of some of {string.Join(", ", WebhookTopics.All)}.");
        }

        var account = asked.Account is { } name ? (await accounts.PlaceOfAsync(name, cancellation)).Account.ToArray() : null;
        var (id, secret) = (Guid.CreateVersion7(time.GetUtcNow()).ToString(), SecretPrefix + Convert.ToBase64String(RandomNumberGenerator.GetBytes(SecretLength)));
        await directory.WriteAsync(async transaction =>
        {
            if (await transaction.FindAsync<long>("SELECT count(*) FROM webhooks") >= WebhooksMax)
            {
                throw new HoldfastException(FailureTable.Conflict, $"There are {WebhooksMax} webhooks: remove some.");
            }

            return await transaction.ExecuteAsync("INSERT INTO webhooks (webhook_id, url, secret, topics, account_id, created_at) VALUES (@id, @url, @secret, @topics, @account, @now)",
                new { id, url = url.ToString(), secret, topics = Spaced(topics), account, now = time.GetUtcNow().ToUnixTimeSeconds() });
        }, cancellation);
        return new WebhookAdded(id, secret);
    }

    public Task<WebhookList> ListAsync(CancellationToken cancellation) => directory.AskAsync(async transaction => new WebhookList(
        [.. (await transaction.QueryAsync<(string Id, string Url, string Topics, string? Account, long CreatedAt, long? TakenAt, string? Failure)>(
            "SELECT w.webhook_id, w.url, w.topics, a.name, w.created_at, w.taken_at, w.failure FROM webhooks w LEFT JOIN accounts a ON a.account_id = w.account_id ORDER BY w.webhook_id"))
            .Select(row => new WebhookSummary(row.Id, OriginOf(row.Url), row.Topics.Split(' ', StringSplitOptions.RemoveEmptyEntries), row.Account, row.CreatedAt, row.TakenAt, row.Failure))]), cancellation);

    public async Task RemoveAsync(string id, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM webhooks WHERE webhook_id = @id", new { id }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no webhook {id}.");
        }
    }

    /// <summary>Has those told that want to know, once the transaction is committed.</summary>
    public async Task TellAsync(DatabaseTransaction transaction, string topic, (byte[] Id, string Name)? account, IReadOnlyDictionary<string, string> data)
    {
        string? body = null;
        foreach (var webhook in await transaction.QueryAsync<(string Id, string Topics, byte[]? Account)>("SELECT webhook_id, topics, account_id FROM webhooks ORDER BY webhook_id"))
        {
            if (!webhook.Topics.Contains($" {topic} ", StringComparison.Ordinal) || (webhook.Account is { } only && !(account is var (id, _) && only.AsSpan().SequenceEqual(id))))
            {
                continue;
            }

            var delivery = Guid.CreateVersion7(time.GetUtcNow()).ToString();
            body ??= JsonSerializer.Serialize(new WebhookEvent(topic, time.GetUtcNow().ToUnixTimeSeconds(), account?.Name, data), MessageJson.Default.WebhookEvent);
            await transaction.ExecuteAsync("INSERT INTO deliveries (delivery_id, webhook_id, body, created_at) VALUES (@delivery, @id, @body, @now)", new { delivery, webhook.Id, body, now = time.GetUtcNow().ToUnixTimeSeconds() });
            await JobTable.EnqueueAsync(transaction, WebhookDelivery.JobName, delivery, time);
        }
    }

    /// <summary>Of an address that may be a secret itself, what need not be one.</summary>
    public static string OriginOf(string url) => new Uri(url).GetLeftPart(UriPartial.Authority);

    private static string Spaced(IEnumerable<string> topics) => $" {string.Join(' ', topics.Distinct().Order(StringComparer.Ordinal))} ";
}
