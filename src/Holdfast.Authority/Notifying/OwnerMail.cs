using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.People;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;

namespace Holdfast.Authority.Notifying;

/// <summary>Mail to those whose account it is, and to somebody about what was done in their name: nobody can do without that.</summary>
internal sealed class OwnerMail(IDatabase directory, Outbox outbox, TimeProvider time)
{
    /// <summary>Ways in that somebody has: what was changed of them is said in the words <c>factor_…</c>.</summary>
    public const string Password = "password";
    public const string Authenticator = "authenticator";
    public const string RecoveryCodes = "recovery_codes";
    public const string Passkey = "passkey";
    public const string Token = "token";

    /// <summary>Writes to an account's owners, with what else the transaction does.</summary>
    public async Task TellAsync(DatabaseTransaction transaction, byte[] account, Letter letter)
    {
        if (!outbox.IsConfigured)
        {
            return;
        }

        foreach (var email in await transaction.QueryAsync<string>(
            "SELECT p.email FROM accounts a JOIN members m ON m.organisation_id = a.organisation_id JOIN people p ON p.person_id = m.person_id WHERE a.account_id = @account AND m.role = 'owner'", new { account }))
        {
            await outbox.AddAsync(transaction, email, letter);
        }
    }

    /// <summary>Writes to an account's owners.</summary>
    public Task TellAsync(byte[] account, Letter letter, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await TellAsync(transaction, account, letter);
        return 0;
    }, cancellation);

    /// <summary>Tells somebody that a way in of theirs was changed: if it was not them, they must know.</summary>
    public async Task TellChangedAsync(Person person, string factor, CancellationToken cancellation)
    {
        if (outbox.IsConfigured)
        {
            var letter = Letter.Of(Outbox.Language, "factor_changed", Wording.Of(Outbox.Language)[$"factor_{factor}"], $"{time.GetUtcNow():yyyy-MM-dd HH:mm}");
            await directory.WriteAsync(async transaction =>
            {
                await outbox.AddAsync(transaction, person.Email, letter);
                return 0;
            }, cancellation);
        }
    }
}
