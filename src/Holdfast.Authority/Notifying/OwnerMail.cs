using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.People;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;
using Holdfast.Protocol.Failures;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Notifying;

/// <summary>Mail to those whose account it is, and to somebody about what was done in their name: nobody can do without that.</summary>
internal sealed partial class OwnerMail(IDatabase directory, Outbox outbox, TimeProvider time, ILogger logger)
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
        if (!await outbox.IsSentAsync(transaction))
        {
            return;
        }

        foreach (var email in await transaction.QueryAsync<string>(
            "SELECT p.email FROM accounts a JOIN members m ON m.organisation_id = a.organisation_id JOIN people p ON p.person_id = m.person_id WHERE a.account_id = @account AND m.role = 'owner' AND p.suspended_at IS NULL", new { account }))
        {
            await outbox.AddAsync(transaction, email, letter, isBulk: true);
        }
    }

    /// <summary>Writes to an account's owners.</summary>
    public Task TellAsync(byte[] account, Letter letter, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await TellAsync(transaction, account, letter);
        return 0;
    }, cancellation);

    /// <summary>Tells somebody that a way in of theirs was changed, with what else the transaction does: if it was not them, they must know.</summary>
    public Task TellChangedAsync(DatabaseTransaction transaction, string email, string factor) =>
        outbox.AddAsync(transaction, email, Letter.Of(Outbox.Language, "factor_changed", Wording.Of(Outbox.Language)[$"factor_{factor}"], $"{time.GetUtcNow():yyyy-MM-dd HH:mm}"));

    /// <summary>The same, behind a change that is done: nobody can keep it from being told by hanging up, and it fails nothing.</summary>
    public async Task TryTellChangedAsync(Person person, string factor)
    {
        try
        {
            await directory.WriteAsync(async transaction =>
            {
                await TellChangedAsync(transaction, person.Email, factor);
                return 0;
            }, CancellationToken.None);
        }
        catch (HoldfastException exception)
        {
            LogNotTold(exception, person.Id, factor);
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Person {Person} could not be told that their {Factor} was changed.")]
    private partial void LogNotTold(Exception exception, string person, string factor);
}
