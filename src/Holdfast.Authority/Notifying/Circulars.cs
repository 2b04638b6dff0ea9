using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Documents.Letters;

namespace Holdfast.Authority.Notifying;

/// <summary>Mail to the owners of all accounts, each once, whoever is killed in between: how far it came is written down with the mail.</summary>
internal sealed class Circulars(IDatabase directory, Outbox outbox)
{
    private const int PeopleAtOnce = 200;

    /// <summary>Behind every address.</summary>
    private const string End = "\uffff";

    /// <summary>Writes to everybody, going on where it was.</summary>
    /// <param name="mark">What it is about: written once under each.</param>
    /// <param name="letterOf">What it says to somebody whose clock shows these times.</param>
    /// <param name="alongAsync">What is done once, when it begins.</param>
    /// <param name="cancellation">Ends it; called again it goes on from there.</param>
    public async Task SendAsync(string mark, Func<TimeZoneInfo, Letter> letterOf, Func<DatabaseTransaction, Task>? alongAsync, CancellationToken cancellation)
    {
        var letters = new Dictionary<string, Letter>();
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

                await (alongAsync?.Invoke(transaction) ?? Task.CompletedTask);
            }

            // The row is locked first: who waits reads what the other wrote.
            await transaction.ExecuteAsync("UPDATE directory_marks SET value = value WHERE name = @mark", new { mark });
            after = await transaction.FindAsync<string>("SELECT value FROM directory_marks WHERE name = @mark", new { mark });
            if (after == End)
            {
                return false;
            }

            var people = await outbox.IsSentAsync(transaction) ? await transaction.QueryAsync<(string Key, string Email, string? Zone)>(
                $"""
                SELECT p.email_key, p.email, p.time_zone FROM people p WHERE p.email_key > @after AND p.suspended_at IS NULL
                  AND EXISTS (SELECT 1 FROM members m JOIN accounts a ON a.organisation_id = m.organisation_id WHERE m.person_id = p.person_id AND m.role = 'owner') ORDER BY p.email_key LIMIT {PeopleAtOnce}
                """, new { after }) : [];
            foreach (var (_, email, zone) in people)
            {
                var whose = PersonTimes.ZoneOf(zone);
                if (!letters.TryGetValue(whose.Id, out var letter))
                {
                    letters[whose.Id] = letter = letterOf(whose);
                }

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
}
