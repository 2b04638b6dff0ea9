using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Databases;
using Microsoft.AspNetCore.Identity;

namespace Holdfast.Authority.People;

/// <summary>People as ASP.NET Core Identity wants them, on the directory's tables.</summary>
internal sealed partial class PersonStore(IDatabase directory, TimeProvider time) :
    IUserEmailStore<Person>, IUserPasswordStore<Person>, IUserSecurityStampStore<Person>, IUserTwoFactorStore<Person>, IUserAuthenticatorKeyStore<Person>, IUserPasskeyStore<Person>
{
    public const string Columns =
        """
        person_id AS Id, email, email_key AS EmailKey, name, password_hash AS PasswordHash, security_stamp AS SecurityStamp, two_factor AS TwoFactorNumber,
        authenticator_key AS AuthenticatorKey, operator_role AS OperatorRole, suspended_at AS SuspendedAt, created_at AS CreatedAt, time_zone AS TimeZone, version
        """;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task<IdentityResult> CreateAsync(Person user, CancellationToken cancellationToken)
    {
        var added = await directory.WriteAsync(transaction => AddAsync(transaction, user), cancellationToken);
        return added ? IdentityResult.Success : IdentityResult.Failed(new IdentityErrorDescriber().DuplicateEmail(user.Email));
    }

    /// <summary>Adds a person; false if the address is somebody's.</summary>
    public static async Task<bool> AddAsync(DatabaseTransaction transaction, Person person)
    {
        person.Version = Guid.NewGuid().ToString("N");
        return await transaction.ExecuteAsync(
            """
            INSERT INTO people (person_id, email, email_key, name, password_hash, security_stamp, two_factor, authenticator_key, operator_role, created_at, version)
            VALUES (@id, @email, @emailKey, @name, @passwordHash, @securityStamp, @factor, @authenticatorKey, @operatorRole, @createdAt, @version)
            ON CONFLICT (email_key) DO NOTHING
            """, Parameters(person, person.Version)) == 1;
    }

    public async Task<IdentityResult> UpdateAsync(Person user, CancellationToken cancellationToken) =>
        await directory.WriteAsync(transaction => UpdateAsync(transaction, user), cancellationToken) ? IdentityResult.Success : IdentityResult.Failed(new IdentityErrorDescriber().ConcurrencyFailure());

    /// <summary>Writes a person back; false if they were changed meanwhile, or the address is somebody else's.</summary>
    public static async Task<bool> UpdateAsync(DatabaseTransaction transaction, Person person)
    {
        var version = Guid.NewGuid().ToString("N");
        if (await transaction.ExecuteAsync(
            """
            UPDATE people SET email = @email, email_key = @emailKey, name = @name, password_hash = @passwordHash, security_stamp = @securityStamp, two_factor = @factor,
                authenticator_key = @authenticatorKey, time_zone = @timeZone, version = @version
            WHERE person_id = @id AND version = @before AND NOT EXISTS (SELECT 1 FROM people WHERE email_key = @emailKey AND person_id <> @id)
            """, Parameters(person, version)) == 0)
        {
            return false;
        }

        person.Version = version;
        return true;
    }

    public Task<IdentityResult> DeleteAsync(Person user, CancellationToken cancellationToken) => throw new NotSupportedException("people are suspended, not deleted");

    public Task<Person?> FindByIdAsync(string userId, CancellationToken cancellationToken) => FindAsync("person_id = @key", userId, cancellationToken);

    public Task<Person?> FindByNameAsync(string normalizedUserName, CancellationToken cancellationToken) => FindAsync("email_key = @key", normalizedUserName, cancellationToken);

    public Task<Person?> FindByEmailAsync(string normalizedEmail, CancellationToken cancellationToken) => FindAsync("email_key = @key", normalizedEmail, cancellationToken);

    public Task<string> GetUserIdAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(user.Id);

    public Task<string?> GetUserNameAsync(Person user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.Email);

    public Task SetUserNameAsync(Person user, string? userName, CancellationToken cancellationToken) => SetEmailAsync(user, userName, cancellationToken);

    public Task<string?> GetNormalizedUserNameAsync(Person user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.EmailKey);

    public Task SetNormalizedUserNameAsync(Person user, string? normalizedName, CancellationToken cancellationToken) => SetNormalizedEmailAsync(user, normalizedName, cancellationToken);

    public Task<string?> GetEmailAsync(Person user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.Email);

    public Task SetEmailAsync(Person user, string? email, CancellationToken cancellationToken)
    {
        user.Email = email ?? "";
        return Task.CompletedTask;
    }

    public Task<string?> GetNormalizedEmailAsync(Person user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.EmailKey);

    public Task SetNormalizedEmailAsync(Person user, string? normalizedEmail, CancellationToken cancellationToken)
    {
        user.EmailKey = normalizedEmail ?? "";
        return Task.CompletedTask;
    }

    /// <summary>Always: addresses come from invitations, and change by a code that was sent there.</summary>
    public Task<bool> GetEmailConfirmedAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(true);

    public Task SetEmailConfirmedAsync(Person user, bool confirmed, CancellationToken cancellationToken) => Task.CompletedTask;

    public Task<string?> GetPasswordHashAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(user.PasswordHash);

    public Task SetPasswordHashAsync(Person user, string? passwordHash, CancellationToken cancellationToken)
    {
        user.PasswordHash = passwordHash;
        return Task.CompletedTask;
    }

    public Task<bool> HasPasswordAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(user.PasswordHash is not null);

    public Task<string?> GetSecurityStampAsync(Person user, CancellationToken cancellationToken) => Task.FromResult<string?>(user.SecurityStamp);

    public Task SetSecurityStampAsync(Person user, string stamp, CancellationToken cancellationToken)
    {
        user.SecurityStamp = stamp;
        return Task.CompletedTask;
    }

    public Task<bool> GetTwoFactorEnabledAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(user.TwoFactor);

    public Task SetTwoFactorEnabledAsync(Person user, bool enabled, CancellationToken cancellationToken)
    {
        user.TwoFactor = enabled;
        return Task.CompletedTask;
    }

    public Task<string?> GetAuthenticatorKeyAsync(Person user, CancellationToken cancellationToken) => Task.FromResult(user.AuthenticatorKey);

    public Task SetAuthenticatorKeyAsync(Person user, string key, CancellationToken cancellationToken)
    {
        user.AuthenticatorKey = key;
        return Task.CompletedTask;
    }

    /// <summary>Gives a person other recovery codes, or none; those before are worthless.</summary>
    public static async Task ReplaceCodesAsync(DatabaseTransaction transaction, Person person, IReadOnlyCollection<string> codes)
    {
        await transaction.ExecuteAsync("DELETE FROM recovery_codes WHERE person_id = @id", new { person.Id });
        await transaction.ExecuteEachAsync("INSERT INTO recovery_codes (person_id, code_hash) VALUES (@id, @hash)", [.. codes.Select(code => new { person.Id, hash = HashOf(code) })]);
    }

    /// <summary>Uses a recovery code up; false if it is none.</summary>
    public async Task<bool> RedeemCodeAsync(Person person, string code, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("DELETE FROM recovery_codes WHERE person_id = @id AND code_hash = @hash", new { person.Id, hash = HashOf(code) }), cancellation) == 1;

    /// <summary>How many recovery codes are left.</summary>
    public async Task<int> CountCodesAsync(Person person, CancellationToken cancellation) => (int)await directory.AskAsync(transaction =>
        transaction.FindAsync<long>("SELECT count(*) FROM recovery_codes WHERE person_id = @id", new { person.Id }), cancellation);

    /// <summary>Uses an authenticator's code up: false if it was used before.</summary>
    public async Task<bool> UseAuthenticatorCodeAsync(Person person, string code, CancellationToken cancellation) => await directory.WriteAsync(async transaction =>
    {
        // Codes come again by chance, long after their minutes.
        await transaction.ExecuteAsync("DELETE FROM used_authenticator_codes WHERE person_id = @id AND used_at < @old", new { person.Id, old = Now - 600 });
        return await transaction.ExecuteAsync("INSERT INTO used_authenticator_codes (person_id, code_hash, used_at) VALUES (@id, @hash, @now) ON CONFLICT DO NOTHING",
            new { person.Id, hash = HashOf(code), Now });
    }, cancellation) == 1;

    public void Dispose()
    {
        // The database is somebody else's.
    }

    /// <summary>A person by one of the columns.</summary>
    public static async Task<Person?> FindAsync(DatabaseTransaction transaction, string where, string key) =>
        await transaction.FindAsync<PersonRow>($"SELECT {Columns} FROM people WHERE {where}", new { key }) is { } row ? row.Person : null;

    private Task<Person?> FindAsync(string where, string key, CancellationToken cancellation) => directory.AskAsync(transaction => FindAsync(transaction, where, key), cancellation);

    private static object Parameters(Person person, string version) => new
    {
        person.Id, person.Email, person.EmailKey, person.Name, person.PasswordHash, person.SecurityStamp, factor = person.TwoFactor ? 1 : 0,
        person.AuthenticatorKey, person.OperatorRole, person.CreatedAt, person.TimeZone, before = person.Version, version,
    };

    private static byte[] HashOf(string code) => SHA256.HashData(Encoding.UTF8.GetBytes(code));

    /// <summary>A row as engines give it: they know no truth values in common.</summary>
    internal sealed record PersonRow
    {
        public string Id { get; init; } = "";

        public string Email { get; init; } = "";

        public string EmailKey { get; init; } = "";

        public string Name { get; init; } = "";

        public string? PasswordHash { get; init; }

        public string SecurityStamp { get; init; } = "";

        public long TwoFactorNumber { get; init; }

        public string? AuthenticatorKey { get; init; }

        public string? OperatorRole { get; init; }

        public string? TimeZone { get; init; }

        public long? SuspendedAt { get; init; }

        public long CreatedAt { get; init; }

        public string Version { get; init; } = "";

        public Person Person => new()
        {
            Id = Id, Email = Email, EmailKey = EmailKey, Name = Name, PasswordHash = PasswordHash, SecurityStamp = SecurityStamp, TwoFactor = TwoFactorNumber != 0,
            AuthenticatorKey = AuthenticatorKey, OperatorRole = OperatorRole, TimeZone = TimeZone, SuspendedAt = SuspendedAt, CreatedAt = CreatedAt, Version = Version,
        };
    }
}
