using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.People;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Notifying;

/// <summary>Mail that people may do without: who gets it, and how they are taken off with one click (RFC 8058).</summary>
internal sealed class Subscriptions(IDatabase directory, Outbox outbox)
{
    /// <summary>What owners and members hear of computers that are behind.</summary>
    public const string Digest = "digest";

    private const int TokenLength = 18;

    private static readonly string[] _topics = [Digest];

    /// <summary>Writes to owners and members of an account who have not taken themselves off; how many those are.</summary>
    public async Task<int> TellAsync(DatabaseTransaction transaction, byte[] account, string topic, Letter letter)
    {
        if (!await outbox.IsSentAsync(transaction))
        {
            return 0;
        }

        var people = await transaction.QueryAsync<(string Id, string Email)>(
            """
            SELECT p.person_id, p.email FROM accounts a JOIN members m ON m.organisation_id = a.organisation_id JOIN people p ON p.person_id = m.person_id
            WHERE a.account_id = @account AND m.role IN ('owner', 'member') AND p.suspended_at IS NULL
              AND NOT EXISTS (SELECT 1 FROM mail_choices c WHERE c.person_id = p.person_id AND c.topic = @topic AND c.is_off = 1)
            """, new { account, topic });
        foreach (var (id, email) in people)
        {
            await outbox.AddAsync(transaction, email, letter, isBulk: true, unsubscribe: await TokenAsync(transaction, id, topic));
        }

        return people.Count;
    }

    /// <summary>Takes whoever a mail was for off its topic.</summary>
    public async Task UnsubscribeAsync(string token, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE mail_choices SET is_off = 1 WHERE token = @token", new { token }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, "The link is of no mail that this service sent, or whoever it was for is not here any more.");
        }
    }

    public Task<MailChoices> ListAsync(Person person, CancellationToken cancellation) => directory.AskAsync(async transaction =>
    {
        var off = (await transaction.QueryAsync<string>("SELECT topic FROM mail_choices WHERE person_id = @id AND is_off = 1", new { person.Id })).ToHashSet();
        return new MailChoices([.. _topics.Select(topic => new MailChoice(topic, !off.Contains(topic)))]);
    }, cancellation);

    public async Task<MailChoices> ChangeAsync(Person person, MailChoice choice, CancellationToken cancellation)
    {
        if (!_topics.Contains(choice.Topic))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"Mail that one may do without is {string.Join(", ", _topics)}, not '{choice.Topic}'.");
        }

        await directory.WriteAsync(async transaction =>
        {
            await TokenAsync(transaction, person.Id, choice.Topic);
            return await transaction.ExecuteAsync("UPDATE mail_choices SET is_off = @isOff WHERE person_id = @id AND topic = @topic", new { person.Id, choice.Topic, isOff = choice.IsOn ? 0 : 1 });
        }, cancellation);
        return await ListAsync(person, cancellation);
    }

    private static async Task<string> TokenAsync(DatabaseTransaction transaction, string person, string topic)
    {
        await transaction.ExecuteAsync("INSERT INTO mail_choices (person_id, topic, token, is_off) VALUES (@person, @topic, @token, 0) ON CONFLICT (person_id, topic) DO NOTHING",
            new { person, topic, token = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(TokenLength)) });
        return (await transaction.FindAsync<string>("SELECT token FROM mail_choices WHERE person_id = @person AND topic = @topic", new { person, topic }))!;
    }
}
