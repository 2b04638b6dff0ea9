using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.People;

/// <summary>How often somebody may try secrets, whatever node they ask: so many in a quarter of an hour for an e-mail address, and more for a network address, behind which many may sit.</summary>
internal sealed class AttemptLimits(IDatabase directory, TimeProvider time)
{
    public const int OfEmailMax = 10;
    public const int OfAddressMax = 100;

    private static readonly TimeSpan _window = TimeSpan.FromMinutes(15);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Counts a try before it is made; the failure too_many_attempts if there were too many. That somebody is known or not makes no difference.</summary>
    public async Task CountAsync(string kind, string key, int max, CancellationToken cancellation)
    {
        var tries = await directory.WriteAsync(transaction => transaction.FindAsync<long>(
            """
            INSERT INTO attempts (attempt_key, begun_at, tries) VALUES (@hash, @now, 1)
            ON CONFLICT (attempt_key) DO UPDATE SET tries = CASE WHEN attempts.begun_at < @old THEN 1 ELSE attempts.tries + 1 END, begun_at = CASE WHEN attempts.begun_at < @old THEN @now ELSE attempts.begun_at END
            RETURNING tries
            """, new { hash = HashOf(kind, key), Now, old = Now - (long)_window.TotalSeconds }), cancellation);
        if (tries > max)
        {
            throw new HoldfastException(FailureTable.TooManyAttempts, "There were too many attempts from here, or for this address: wait a quarter of an hour. Passkeys for an address go on working.");
        }
    }

    /// <summary>A try succeeded: those before it are forgotten.</summary>
    public Task ForgetAsync(string kind, string key, CancellationToken cancellation) => directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("DELETE FROM attempts WHERE attempt_key = @hash", new { hash = HashOf(kind, key) }), cancellation);

    private static byte[] HashOf(string kind, string key) => SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\0{key}"));
}
