using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.People;

/// <summary>Tokens that people make for programs: for some actions, for some time, and never for more than the person may at that moment.</summary>
internal sealed class ApiTokens(IDatabase directory, TimeProvider time)
{
    public const string TokenPrefix = "hft_";

    private const int SecretLength = 24;
    private const int DaysMax = 366;
    private const int TokensMax = 100;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task<TokenCreated> CreateAsync(Person person, CreateToken request, CancellationToken cancellation)
    {
        if (request.Scopes.Count == 0 || !request.Scopes.All(Callers.Permissions.Scopes.Contains))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A token is for some of these actions: {string.Join(", ", Callers.Permissions.Scopes.Order(StringComparer.Ordinal))}.");
        }

        if (request.Days is < 1 or > DaysMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A token is good for 1 to {DaysMax} days.");
        }

        var token = TokenPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));
        var (id, expires) = (Guid.CreateVersion7(time.GetUtcNow()).ToString(), (time.GetUtcNow() + TimeSpan.FromDays(request.Days)).ToUnixTimeSeconds());
        var added = await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            """
            INSERT INTO api_tokens (token_id, token_hash, person_id, name, scopes, created_at, expires_at)
            SELECT @id, @hash, @person, @name, @scopes, @now, @expires WHERE (SELECT count(*) FROM api_tokens WHERE person_id = @person AND expires_at > @now) < @max
            """, new { id, hash = DeviceToken.HashOf(token), person = person.Id, request.Name, scopes = string.Join(' ', request.Scopes.Distinct().Order(StringComparer.Ordinal)), Now, expires, max = TokensMax }), cancellation);
        return added == 1 ? new TokenCreated(id, token, expires) : throw new HoldfastException(FailureTable.Conflict, $"You have {TokensMax} tokens: delete some.");
    }

    public Task<TokenList> ListAsync(Person person, CancellationToken cancellation) => directory.AskAsync(async transaction => new TokenList(
        [.. (await transaction.QueryAsync<(string Id, string Name, string Scopes, long CreatedAt, long ExpiresAt)>(
            "SELECT token_id, name, scopes, created_at, expires_at FROM api_tokens WHERE person_id = @id AND expires_at > @now ORDER BY token_id", new { person.Id, Now }))
            .Select(row => new TokenSummary(row.Id, row.Name, row.Scopes.Split(' '), row.CreatedAt, row.ExpiresAt))]), cancellation);

    public async Task DeleteAsync(Person person, string token, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM api_tokens WHERE token_id = @token AND person_id = @id", new { token, person.Id }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, "You have no such token.");
        }
    }

    /// <summary>Whose token it is; null if it is unknown or expired, or its person is suspended.</summary>
    public Task<Caller?> FindAsync(byte[] tokenHash, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        var (personId, name, scopes) = await transaction.FindAsync<(string?, string, string)>(
            "SELECT person_id, name, scopes FROM api_tokens WHERE token_hash = @tokenHash AND expires_at > @now", new { tokenHash, Now });
        return personId is not null && await SignIns.FindCallerAsync(transaction, personId, Roles.None) is { } caller
            ? caller with { Name = $"{caller.Name} (token {name})", Scopes = scopes.Split(' ').ToHashSet() } : null;
    }, cancellation);
}
