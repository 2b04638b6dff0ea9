using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Identity;
using NSec.Cryptography;

namespace Holdfast.Authority.People;

/// <summary>Passwords by Argon2id (RFC 9106), by libsodium: 19 MiB and 2 passes, as OWASP advises for services; a client's passphrase, which guards data, costs more.</summary>
internal sealed class PasswordHashing : IPasswordHasher<Person>
{
    private const int MemoryKib = 19_456;
    private const int Passes = 2;
    private const int SaltLength = 16;
    private const int HashLength = 32;

    /// <summary>Compared with when nobody has the address, so that the answer takes as long.</summary>
    public static string OfNobody { get; } = Write(MemoryKib, Passes, new byte[SaltLength], new byte[HashLength]);

    public string HashPassword(Person user, string password)
    {
        var salt = RandomNumberGenerator.GetBytes(SaltLength);
        return Write(MemoryKib, Passes, salt, Derive(password, salt, MemoryKib, Passes));
    }

    public PasswordVerificationResult VerifyHashedPassword(Person user, string hashedPassword, string providedPassword)
    {
        // $argon2id$v=19$m=…,t=…,p=1$salt$hash
        if (hashedPassword.Split('$') is not ["", "argon2id", "v=19", var cost, var salt, var hash]
            || cost.Split(',') is not [['m', '=', .. var memory], ['t', '=', .. var passes], "p=1"])
        {
            return PasswordVerificationResult.Failed;
        }

        var (m, t) = (int.Parse(memory, CultureInfo.InvariantCulture), int.Parse(passes, CultureInfo.InvariantCulture));
        return !CryptographicOperations.FixedTimeEquals(Derive(providedPassword, Convert.FromBase64String(salt), m, t), Convert.FromBase64String(hash))
            ? PasswordVerificationResult.Failed
            : (m, t) == (MemoryKib, Passes) ? PasswordVerificationResult.Success : PasswordVerificationResult.SuccessRehashNeeded;
    }

    private static byte[] Derive(string password, byte[] salt, int memoryKib, int passes) => PasswordBasedKeyDerivationAlgorithm
        .Argon2id(new Argon2Parameters { DegreeOfParallelism = 1, MemorySize = memoryKib, NumberOfPasses = passes })
        .DeriveBytes(password, salt, HashLength);

    private static string Write(int memoryKib, int passes, byte[] salt, byte[] hash) =>
        string.Create(CultureInfo.InvariantCulture, $"$argon2id$v=19$m={memoryKib},t={passes},p=1${Convert.ToBase64String(salt)}${Convert.ToBase64String(hash)}");
}
