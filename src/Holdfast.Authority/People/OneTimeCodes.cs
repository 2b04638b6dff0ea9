using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.People;

/// <summary>Codes that work once, for one purpose, for a while: 192 random bits, of which the SHA-256 is kept.</summary>
internal sealed class OneTimeCodes(IDatabase directory, TimeProvider time)
{
    private const int SecretLength = 24;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Makes a code for <paramref name="subject"/>.</summary>
    public Task<string> AddAsync<T>(string purpose, T subject, JsonTypeInfo<T> json, TimeSpan life, CancellationToken cancellation) =>
        directory.WriteAsync(transaction => AddAsync(transaction, purpose, subject, json, life), cancellation);

    /// <summary>Makes a code in a transaction.</summary>
    public async Task<string> AddAsync<T>(DatabaseTransaction transaction, string purpose, T subject, JsonTypeInfo<T> json, TimeSpan life)
    {
        var code = Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));
        await transaction.ExecuteAsync("INSERT INTO one_time_codes (code_hash, purpose, subject, expires_at) VALUES (@hash, @purpose, @text, @expires)",
            new { hash = DeviceToken.HashOf(code), purpose, text = JsonSerializer.Serialize(subject, json), expires = Now + (long)life.TotalSeconds });
        return code;
    }

    /// <summary>Fails if a code is unknown, expired, used or for something else; it is not used up.</summary>
    public async Task RequireAsync(string purpose, string code, CancellationToken cancellation)
    {
        if (await directory.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM one_time_codes WHERE code_hash = @hash AND purpose = @purpose AND expires_at > @now",
            new { hash = DeviceToken.HashOf(code), purpose, Now }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.CodeInvalid, "The code is unknown, used or expired.");
        }
    }

    /// <summary>Uses a code up: what it was made for, or null if it is unknown, expired, used or for something else.</summary>
    public async Task<T?> UseAsync<T>(DatabaseTransaction transaction, string purpose, string code, JsonTypeInfo<T> json)
        where T : class =>
        await transaction.FindAsync<string>("DELETE FROM one_time_codes WHERE code_hash = @hash AND purpose = @purpose AND expires_at > @now RETURNING subject",
            new { hash = DeviceToken.HashOf(code), purpose, Now }) is { } subject ? JsonSerializer.Deserialize(subject, json) : null;
}
