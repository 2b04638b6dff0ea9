using System.Security.Cryptography;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.SelfBackups;

/// <summary>A part of a self-backup as it lies on the pod: sealed, and bound to its place.</summary>
/// <remarks>
/// 0 object header 64 (type 8, number: which backup, sequence: the part, from 0) · 64 flags u8 (1: the last part) · 65 zeros 7 · 72 salt 32 · 104 AES-256-GCM of the part, and its tag 16.
/// Key: HKDF-SHA256 of the self-backup key, the salt, and "holdfast self-backup v1\0" ‖ bytes 0–71; used once, so that the nonce is zero; bytes 0–71 are associated data.
/// </remarks>
internal static class SealedPart
{
    /// <summary>Bytes before what is sealed.</summary>
    public const int PrefixLength = ClearLength + SaltLength;

    /// <summary>Bytes that say which part it is, and whether it is the last.</summary>
    public const int ClearLength = ObjectHeader.Length + 8;

    private const int SaltLength = 32;
    private const int TagLength = 16;

    private static ReadOnlySpan<byte> Label => "holdfast self-backup v1\0"u8;

    public static byte[] Seal(SelfBackupKey key, uint number, uint part, bool isLast, ReadOnlySpan<byte> content)
    {
        var bytes = new byte[PrefixLength + content.Length + TagLength];
        new ObjectHeader { Type = ObjectType.SelfBackup, Account = default, Number = number, Sequence = part }.Write(bytes);
        bytes[ObjectHeader.Length] = isLast ? (byte)1 : (byte)0;
        RandomNumberGenerator.Fill(bytes.AsSpan(ClearLength, SaltLength));
        using var cipher = Cipher(key, bytes);
        cipher.Encrypt(new byte[12], content, bytes.AsSpan(PrefixLength, content.Length), bytes.AsSpan(PrefixLength + content.Length), bytes.AsSpan(0, ClearLength));
        return bytes;
    }

    /// <summary>Opens a part; another key, or bytes that are not what was sealed as this part, are the failure wrong_passphrase or damaged_object.</summary>
    public static byte[] Open(SelfBackupKey key, uint number, uint part, byte[] bytes, out bool isLast)
    {
        isLast = IsLast(bytes, number, part);
        if (bytes.Length < PrefixLength + TagLength)
        {
            throw new MalformedObjectException("self-backup", "a part is cut");
        }

        var content = new byte[bytes.Length - PrefixLength - TagLength];
        using var cipher = Cipher(key, bytes);
        try
        {
            cipher.Decrypt(new byte[12], bytes.AsSpan(PrefixLength, content.Length), bytes.AsSpan(bytes.Length - TagLength), content, bytes.AsSpan(0, ClearLength));
            return content;
        }
        catch (AuthenticationTagMismatchException exception)
        {
            throw new HoldfastException(FailureTable.WrongPassphrase, $"Part {part} of self-backup {number} does not open with this key: it is another service's key, or the part was changed.", exception);
        }
    }

    /// <summary>What a part says of itself in its first <see cref="ClearLength"/> bytes, before it is opened.</summary>
    public static bool IsLast(byte[] bytes, uint number, uint part)
    {
        var header = bytes.Length >= ClearLength ? ObjectHeader.Read(bytes) : throw new MalformedObjectException("self-backup", "a part is cut");
        return header.Type == ObjectType.SelfBackup && header.Number == number && header.Sequence == part && bytes[ObjectHeader.Length] <= 1
            ? bytes[ObjectHeader.Length] == 1 : throw new MalformedObjectException("self-backup", $"part {part} is another one");
    }

    private static AesGcm Cipher(SelfBackupKey key, ReadOnlySpan<byte> bytes)
    {
        Span<byte> derived = stackalloc byte[32];
        HKDF.DeriveKey(HashAlgorithmName.SHA256, key.Bytes, derived, bytes.Slice(ClearLength, SaltLength), [.. Label, .. bytes[..ClearLength]]);
        return new AesGcm(derived, TagLength);
    }
}
