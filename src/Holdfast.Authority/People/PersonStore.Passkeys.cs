using Microsoft.AspNetCore.Identity;

namespace Holdfast.Authority.People;

/// <summary>Passkeys of people.</summary>
internal sealed partial class PersonStore
{
    private const string PasskeyColumns =
        """
        credential_id AS CredentialId, name, public_key AS PublicKey, sign_count AS SignCount, transports, is_user_verified AS IsUserVerified, is_backup_eligible AS IsBackupEligible,
        is_backed_up AS IsBackedUp, attestation, client_data AS ClientData, created_at AS CreatedAt
        """;

    /// <summary>Adds a passkey; false if it is somebody's already.</summary>
    public async Task<bool> AddPasskeyAsync(Person person, UserPasskeyInfo passkey, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        """
        INSERT INTO passkeys (credential_id, person_id, name, public_key, sign_count, transports, is_user_verified, is_backup_eligible, is_backed_up, attestation, client_data, created_at)
        VALUES (@credentialId, @id, @name, @publicKey, @signCount, @transports, @verified, @eligible, @backedUp, @attestationObject, @clientDataJson, @createdAt)
        ON CONFLICT (credential_id) DO NOTHING
        """, new
        {
            passkey.CredentialId, person.Id, passkey.Name, passkey.PublicKey, passkey.SignCount, transports = string.Join(' ', passkey.Transports ?? []), verified = passkey.IsUserVerified ? 1 : 0,
            eligible = passkey.IsBackupEligible ? 1 : 0, backedUp = passkey.IsBackedUp ? 1 : 0, passkey.AttestationObject, passkey.ClientDataJson, createdAt = passkey.CreatedAt.ToUnixTimeSeconds(),
        }), cancellation) == 1;

    /// <summary>Keeps a passkey's counter; false if it was taken off meanwhile.</summary>
    public async Task<bool> KeepPasskeyAsync(Person person, UserPasskeyInfo passkey, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE passkeys SET sign_count = @signCount, is_user_verified = @verified, is_backed_up = @backedUp WHERE credential_id = @credentialId AND person_id = @id",
        new { passkey.CredentialId, person.Id, passkey.SignCount, verified = passkey.IsUserVerified ? 1 : 0, backedUp = passkey.IsBackedUp ? 1 : 0 }), cancellation) == 1;

    /// <summary>Takes a passkey off; false if a person has no such passkey.</summary>
    public async Task<bool> TakeOffPasskeyAsync(Person person, byte[] credentialId, CancellationToken cancellation) => await directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("DELETE FROM passkeys WHERE credential_id = @credentialId AND person_id = @id", new { credentialId, person.Id }), cancellation) == 1;

    Task IUserPasskeyStore<Person>.AddOrUpdatePasskeyAsync(Person user, UserPasskeyInfo passkey, CancellationToken cancellationToken) => throw new NotSupportedException("passkeys are added or kept");

    Task IUserPasskeyStore<Person>.RemovePasskeyAsync(Person user, byte[] credentialId, CancellationToken cancellationToken) => throw new NotSupportedException("passkeys are taken off");

    public Task<IList<UserPasskeyInfo>> GetPasskeysAsync(Person user, CancellationToken cancellationToken) => directory.ReadAsync<IList<UserPasskeyInfo>>(async transaction =>
        [.. (await transaction.QueryAsync<PasskeyRow>($"SELECT {PasskeyColumns} FROM passkeys WHERE person_id = @id ORDER BY created_at", new { user.Id })).Select(row => row.Passkey)], cancellationToken);

    public Task<Person?> FindByPasskeyIdAsync(byte[] credentialId, CancellationToken cancellationToken) => directory.ReadAsync(async transaction =>
        await transaction.FindAsync<string>("SELECT person_id FROM passkeys WHERE credential_id = @credentialId", new { credentialId }) is { } id
            ? await FindAsync(transaction, "person_id = @key", id) : null, cancellationToken);

    public Task<UserPasskeyInfo?> FindPasskeyAsync(Person user, byte[] credentialId, CancellationToken cancellationToken) => directory.AskAsync(async transaction =>
        (await transaction.FindAsync<PasskeyRow>($"SELECT {PasskeyColumns} FROM passkeys WHERE credential_id = @credentialId AND person_id = @id", new { credentialId, user.Id }))?.Passkey, cancellationToken);

    private sealed record PasskeyRow
    {
        public byte[] CredentialId { get; init; } = [];

        public string? Name { get; init; }

        public byte[] PublicKey { get; init; } = [];

        public long SignCount { get; init; }

        public string Transports { get; init; } = "";

        public long IsUserVerified { get; init; }

        public long IsBackupEligible { get; init; }

        public long IsBackedUp { get; init; }

        public byte[] Attestation { get; init; } = [];

        public byte[] ClientData { get; init; } = [];

        public long CreatedAt { get; init; }

        public UserPasskeyInfo Passkey => new(
            CredentialId, PublicKey, DateTimeOffset.FromUnixTimeSeconds(CreatedAt), (uint)SignCount, Transports.Split(' ', StringSplitOptions.RemoveEmptyEntries), IsUserVerified != 0, IsBackupEligible != 0,
            IsBackedUp != 0, Attestation, ClientData) { Name = Name };
    }
}
