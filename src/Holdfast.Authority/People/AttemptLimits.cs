using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.People;

/// <summary>How often somebody may try secrets in a quarter of an hour, whatever node they ask.</summary>
internal sealed class AttemptLimits(IDatabase directory, TimeProvider time)
{
    /// <summary>For one e-mail address from one network address.</summary>
    public const int OfPairMax = 10;

    /// <summary>For one e-mail address from anywhere, so that guessing from many places is slow too.</summary>
    public const int OfEmailMax = 100;

    /// <summary>From one network address.</summary>
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

    /// <summary>A try succeeded: it does not count.</summary>
    public Task ReturnAsync(string kind, string key, CancellationToken cancellation) => directory.WriteAsync(transaction =>
        transaction.ExecuteAsync("UPDATE attempts SET tries = tries - 1 WHERE attempt_key = @hash AND tries > 0", new { hash = HashOf(kind, key) }), cancellation);

    private static byte[] HashOf(string kind, string key) => SHA256.HashData(Encoding.UTF8.GetBytes($"{kind}\0{key}"));
}
