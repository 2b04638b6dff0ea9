using System.Security.Cryptography;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>What a service that has lost its databases asks a computer, or a person who holds the root key, to sign: it was drawn for this moment, so an old answer is worth nothing.</summary>
/// <remarks>
/// The service signs it and keeps nothing. 56 bytes and a signature of 64: 0 version u8 · 1 zeros 3 · 4 computer u32 · 8 account 16 · 24 nonce 16 · 40 expiry i64 (seconds since 1970) · 48 zeros 8.
/// A computer proves itself by signing the challenge and the SHA-256 of the token that it drew: whoever repeats the answer gains nothing. A person signs the challenge alone (format rule 18).
/// </remarks>
public sealed record AttachmentChallenge(AccountId Account, uint Computer, ReadOnlyMemory<byte> Nonce, DateTimeOffset Expires)
{
    public const int NonceLength = 16;
    public const int Length = UnsignedLength + Signatures.Length;

    /// <summary>How long an answer may take.</summary>
    public static readonly TimeSpan Life = TimeSpan.FromMinutes(10);

    private const int UnsignedLength = 56;
    private const string What = "attachment challenge";
    private const byte Version = 1;

    private static ReadOnlySpan<byte> ServiceLabel => "holdfast challenge v1\0"u8;

    private static ReadOnlySpan<byte> ComputerLabel => "holdfast attach computer v1\0"u8;

    private static ReadOnlySpan<byte> RootLabel => "holdfast attach root v1\0"u8;

    public byte[] Sign(ECDsa authorityKey)
    {
        var writer = new ByteWriter(Length).Byte(Version).Zeros(3).UInt32(Computer);
        Account.Write(writer.Reserve(AccountId.Length));
        writer.Bytes(Nonce.Span).Int64(Expires.ToUnixTimeSeconds()).Zeros(8);
        writer.Bytes(Signatures.Sign(authorityKey, ServiceLabel, writer.Written));
        return writer.ToArray();
    }

    /// <summary>Reads a challenge that the service itself signed; null if it is malformed, forged or expired.</summary>
    public static AttachmentChallenge? TryVerify(ReadOnlySpan<byte> bytes, ECDsa authorityKey, DateTimeOffset now)
    {
        if (bytes.Length != Length || !Signatures.Verify(authorityKey, ServiceLabel, bytes[..UnsignedLength], bytes[UnsignedLength..]))
        {
            return null;
        }

        var reader = new SpanReader(bytes[..UnsignedLength], What);
        if (reader.Byte() != Version)
        {
            return null;
        }

        reader.Zeros(3);
        var computer = reader.UInt32();
        var account = new AccountId(reader.Bytes(AccountId.Length));
        var challenge = new AttachmentChallenge(account, computer, reader.Bytes(NonceLength).ToArray(), DateTimeOffset.FromUnixTimeSeconds(reader.Int64()));
        return challenge.Expires > now ? challenge : null;
    }

    /// <summary>The computer's answer.</summary>
    public static byte[] Prove(ECDsa signingKey, ReadOnlySpan<byte> challenge, ReadOnlySpan<byte> tokenHash) => Signatures.Sign(signingKey, ComputerLabel, [.. challenge, .. tokenHash]);

    public static bool IsProved(ReadOnlySpan<byte> signingKey, ReadOnlySpan<byte> challenge, ReadOnlySpan<byte> tokenHash, ReadOnlySpan<byte> proof) =>
        Signatures.Verify(signingKey, ComputerLabel, [.. challenge, .. tokenHash], proof);

    /// <summary>The answer of a person who opened the account.</summary>
    public static byte[] Confirm(ECDsa root, ReadOnlySpan<byte> challenge) => Signatures.Sign(root, RootLabel, challenge);

    public static bool IsConfirmed(ReadOnlySpan<byte> root, ReadOnlySpan<byte> challenge, ReadOnlySpan<byte> confirmation) =>
        Signatures.Verify(root, RootLabel, challenge, confirmation);
}
