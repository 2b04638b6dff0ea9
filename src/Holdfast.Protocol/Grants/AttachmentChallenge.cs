using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>What a service that has lost its databases asks a computer, or a person who holds the root key, to sign: it was drawn for this moment, so an old answer is worth nothing.</summary>
/// <remarks>
/// The service signs it and keeps nothing. 56 bytes and a signature of 64: 0 version u8 · 1 zeros 3 · 4 computer u32 · 8 account 16 · 24 nonce 16 · 40 expiry i64 (seconds since 1970) · 48 zeros 8.
/// A computer proves itself by signing challenge ‖ SHA-256 of the token that it drew ‖ the service's host as it knows it: whoever repeats the answer, here or elsewhere, gains nothing.
/// A person signs challenge ‖ host, under one label to confirm the account (format rule 18), under another to let a computer read.
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

    private static ReadOnlySpan<byte> ReadingLabel => "holdfast reading root v1\0"u8;

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

    /// <summary>Reads a challenge without checking who signed it: who answers must at least see that it is meant.</summary>
    public static bool IsFor(ReadOnlySpan<byte> bytes, AccountId account, uint computer) =>
        bytes.Length == Length && bytes[0] == Version && BinaryPrimitives.ReadUInt32LittleEndian(bytes[4..]) == computer && new AccountId(bytes.Slice(8, AccountId.Length)) == account;

    /// <summary>The computer's answer. It names the host that the computer spoke to: passed on to another service it is worth nothing.</summary>
    public static byte[] Prove(ECDsa signingKey, ReadOnlySpan<byte> challenge, string host, ReadOnlySpan<byte> tokenHash) => Signatures.Sign(signingKey, ComputerLabel, [.. challenge, .. tokenHash, .. Encoding.UTF8.GetBytes(host)]);

    public static bool IsProved(ReadOnlySpan<byte> signingKey, ReadOnlySpan<byte> challenge, string host, ReadOnlySpan<byte> tokenHash, ReadOnlySpan<byte> proof) =>
        Signatures.Verify(signingKey, ComputerLabel, [.. challenge, .. tokenHash, .. Encoding.UTF8.GetBytes(host)], proof);

    /// <summary>The answer of a person who opened the account.</summary>
    public static byte[] Confirm(ECDsa root, ReadOnlySpan<byte> challenge, string host) => Signatures.Sign(root, RootLabel, [.. challenge, .. Encoding.UTF8.GetBytes(host)]);

    /// <summary>The permission of a person who opened the account, for this computer to read all of it for a while.</summary>
    public static byte[] PermitReading(ECDsa root, ReadOnlySpan<byte> challenge, string host) => Signatures.Sign(root, ReadingLabel, [.. challenge, .. Encoding.UTF8.GetBytes(host)]);

    public static bool IsReadingPermitted(ReadOnlySpan<byte> root, ReadOnlySpan<byte> challenge, string host, ReadOnlySpan<byte> permission) =>
        Signatures.Verify(root, ReadingLabel, [.. challenge, .. Encoding.UTF8.GetBytes(host)], permission);

    public static bool IsConfirmed(ReadOnlySpan<byte> root, ReadOnlySpan<byte> challenge, string host, ReadOnlySpan<byte> confirmation) =>
        Signatures.Verify(root, RootLabel, [.. challenge, .. Encoding.UTF8.GetBytes(host)], confirmation);
}
