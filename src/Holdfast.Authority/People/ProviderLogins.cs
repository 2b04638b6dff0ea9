using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.People;

/// <summary>Who people are for an operator's identity provider. The first time they are found by their address, if the provider says that it is theirs.</summary>
internal sealed class ProviderLogins(IDatabase directory, Credentials credentials, TimeProvider time)
{
    /// <summary>The person that a provider names; made, if it may make people and there is none.</summary>
    public Task<Person> FindAsync(ProviderIdentity identity, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var known = await transaction.FindAsync<string>("SELECT person_id FROM provider_logins WHERE provider = @provider AND subject = @subject", new { identity.Provider, identity.Subject });
        var person = known is not null ? await PersonStore.FindAsync(transaction, "person_id = @key", known) : await LinkAsync(transaction, identity);
        if (person is not { SuspendedAt: null })
        {
            throw Credentials.Refused();
        }

        // Whether they got their role before or after the provider became one of their ways in.
        return person.OperatorRole is null || identity.VouchesForOperators
            ? person : throw new HoldfastException(FailureTable.SignInFailed, $"{identity.Provider} does not vouch for those who run this service: sign in by password or passkey.");
    }, cancellation);

    private async Task<Person> LinkAsync(DatabaseTransaction transaction, ProviderIdentity identity)
    {
        if (identity.VerifiedEmail is not { } email)
        {
            throw new HoldfastException(FailureTable.SignInFailed, $"{identity.Provider} does not say that your e-mail address is yours.");
        }

        var key = credentials.Users.NormalizeEmail(Invitations.Address(email))!;
        var person = await PersonStore.FindAsync(transaction, "email_key = @key", key);
        if (person is null)
        {
            if (!identity.MakesPeople)
            {
                throw new HoldfastException(FailureTable.SignInFailed, "Nobody here has your address: ask for an invitation first.");
            }

            var now = time.GetUtcNow();
            person = new Person { Id = Guid.CreateVersion7(now).ToString(), Email = email, EmailKey = key, Name = Names.Checked(identity.Name), SecurityStamp = Guid.NewGuid().ToString("N"), CreatedAt = now.ToUnixTimeSeconds() };
            if (!await PersonStore.AddAsync(transaction, person))
            {
                throw new HoldfastException(FailureTable.Conflict, "You were made at the same time: sign in again.");
            }
        }

        await transaction.ExecuteAsync("INSERT INTO provider_logins (provider, subject, person_id, created_at) VALUES (@provider, @subject, @id, @now) ON CONFLICT DO NOTHING",
            new { identity.Provider, identity.Subject, person.Id, now = time.GetUtcNow().ToUnixTimeSeconds() });
        return person;
    }
}

/// <summary>Whom an identity provider vouches for.</summary>
/// <param name="Provider">Its name in the configuration.</param>
/// <param name="Subject">Who it is there, for ever.</param>
/// <param name="VerifiedEmail">Their address, if the provider says that it is theirs.</param>
/// <param name="Name">What they are called.</param>
/// <param name="IsStrong">It saw two factors.</param>
/// <param name="MakesPeople">Whoever it vouches for may come in, without an invitation.</param>
/// <param name="VouchesForOperators">It is trusted with those who run the service too.</param>
public sealed record ProviderIdentity(string Provider, string Subject, string? VerifiedEmail, string Name, bool IsStrong, bool MakesPeople, bool VouchesForOperators);
