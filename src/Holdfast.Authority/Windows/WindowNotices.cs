using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>Tells those who are affected: owners of accounts by mail, programs by webhook. Each once, whoever is killed in between: how far it came is written down with the mail.</summary>
internal sealed class WindowNotices(IDatabase directory, Outbox outbox, Webhooks webhooks, TimeProvider time)
{
    public const string Announced = "announced";
    public const string Begins = "begins";
    public const string Over = "over";
    public const string GivenUp = "given_up";

    private const int PeopleAtOnce = 200;

    /// <summary>Behind every address.</summary>
    private const string End = "\uffff";

    /// <summary>Tells everybody, going on where it was.</summary>
    /// <param name="window">The window.</param>
    /// <param name="what">What is to be told of it.</param>
    /// <param name="message">What its plan says besides; null for nothing.</param>
    /// <param name="cancellation">Ends it; told again it goes on from there.</param>
    public async Task TellAsync(Window window, string what, string? message, CancellationToken cancellation)
    {
        var (mark, letter) = ($"window {window.Id} {what}", LetterOf(window, what, message));
        while (await directory.WriteAsync(async transaction =>
        {
            var after = await transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @mark", new { mark });
            if (after is null)
            {
                // Of two nodes that both begin, one waits here for the other, and finds this.
                if (await transaction.ExecuteAsync("INSERT INTO directory_marks (name, value) VALUES (@mark, '') ON CONFLICT DO NOTHING", new { mark }) == 0)
                {
                    return true;
                }

                await webhooks.TellAsync(transaction, WebhookTopics.WindowChanged, null, DataOf(window, what));
            }

            // The row is locked first: who waits reads what the other wrote.
            await transaction.ExecuteAsync("UPDATE directory_marks SET value = value WHERE name = @mark", new { mark });
            after = await transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @mark", new { mark });
            if (after == End)
            {
                return false;
            }

            var people = outbox.IsConfigured ? await transaction.QueryAsync<(string Key, string Email)>(
                $"""
                SELECT p.email_key, p.email FROM people p WHERE p.email_key > @after AND p.suspended_at IS NULL
                  AND EXISTS (SELECT 1 FROM members m JOIN accounts a ON a.organisation_id = m.organisation_id WHERE m.person_id = p.person_id AND m.role = 'owner') ORDER BY p.email_key LIMIT {PeopleAtOnce}
                """, new { after }) : [];
            foreach (var (_, email) in people)
            {
                await outbox.AddAsync(transaction, email, letter, isBulk: true);
            }

            var isEnd = people.Count < PeopleAtOnce;
            await transaction.ExecuteAsync("UPDATE directory_marks SET value = @value WHERE name = @mark", new { mark, value = isEnd ? End : people[^1].Key });
            return !isEnd;
        }, cancellation))
        {
            // The next page.
        }
    }

    private Letter LetterOf(Window window, string what, string? message)
    {
        static string At(long? seconds) => seconds is { } at ? $"{DateTimeOffset.FromUnixTimeSeconds(at):yyyy-MM-dd HH:mm} UTC" : "";
        return Letter.OfParagraphs(Outbox.Language, $"window_{what}", message is null ? [] : message.Split("\n", StringSplitOptions.RemoveEmptyEntries), window.Name, At(window.StartsAt), At(window.BackBy), At(window.CaughtUpBy), At(time.GetUtcNow().ToUnixTimeSeconds()), At(window.BackAt));
    }

    private static Dictionary<string, string> DataOf(Window window, string what)
    {
        var data = new Dictionary<string, string> { ["window"] = window.Id, ["name"] = window.Name, ["what"] = what, ["starts_at"] = $"{window.StartsAt}" };
        foreach (var (name, at) in new[] { ("back_by", window.BackBy), ("caught_up_by", window.CaughtUpBy), ("back_at", window.BackAt) })
        {
            if (at is { } seconds)
            {
                data[name] = $"{seconds}";
            }
        }

        return data;
    }
}
