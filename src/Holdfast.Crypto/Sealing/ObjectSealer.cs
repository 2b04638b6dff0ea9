using System.Security.Cryptography;
using Holdfast.Crypto.Keys;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Sealing;

/// <summary>What is sealed, and where: bound into the key and the associated data, so that nothing passes for something else.</summary>
public readonly record struct SealContext(AccountId Account, uint Group, SealedType Type, Address Address)
{
    public byte[] AssociatedData() => ObjectHeader.AssociatedData(Account, Group, Type, Address);
}

/// <summary>One derived key for each sealed object (format rule 5): a salt hedged with the exact input, nonce zero, used once.</summary>
/// <remarks>salt = HMAC-SHA256(parent, 32 random bytes ‖ associated data ‖ SHA-256(plaintext)); key = HKDF-Expand(parent, "object" ‖ salt ‖ associated data).
/// A cloned machine or a dead random source repeats a key only for the very same bytes at the very same address.</remarks>
public static class ObjectSealer
{
    public const int SaltLength = 32;
    private const int TagLength = PaddedPlaintext.TagLength;

    // One key seals one message, so the nonce carries nothing.
    private static readonly byte[] _nonce = new byte[12];

    /// <summary>Seals <paramref name="plaintext"/> into <paramref name="destination"/> (16 bytes longer); the salt goes to <paramref name="salt"/>.</summary>
    public static void Seal(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> plaintext, Span<byte> destination, Span<byte> salt, RandomSource random)
    {
        HedgedSalt(parentKey, context, plaintext, random).CopyTo(salt);
        using var aead = Cipher(parentKey, context, salt);
        aead.Encrypt(_nonce, plaintext, destination[..plaintext.Length], destination.Slice(plaintext.Length, TagLength), context.AssociatedData());
    }

    /// <summary>Opens what <see cref="Seal"/> made; bytes that were changed, moved or swapped are a <see cref="MalformedObjectException"/>.</summary>
    public static void Open(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> sealedBytes, Span<byte> plaintext)
    {
        using var aead = Cipher(parentKey, context, salt);
        try
        {
            aead.Decrypt(_nonce, sealedBytes[..^TagLength], sealedBytes[^TagLength..], plaintext[..(sealedBytes.Length - TagLength)], context.AssociatedData());
        }
        catch (AuthenticationTagMismatchException exception)
        {
            throw new MalformedObjectException($"{context.Type} {context.Address}", "it does not open: damaged, forged or not what it is said to be", exception);
        }
    }

    /// <summary>Seals short data with its length hidden: padded plaintext, salt in front.</summary>
    public static byte[] SealPadded(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> data, RandomSource random)
    {
        var sealedLength = PaddedPlaintext.SealedLength(data.Length);
        var plaintext = new byte[sealedLength - TagLength];
        data.CopyTo(plaintext.AsSpan(PaddedPlaintext.PrefixLength));
        PaddedPlaintext.Frame(plaintext, data.Length, Codec.Stored);
        var output = new byte[SaltLength + sealedLength];
        Seal(parentKey, context, plaintext, output.AsSpan(SaltLength), output.AsSpan(0, SaltLength), random);
        return output;
    }

    /// <summary>Opens what <see cref="SealPadded"/> made, salt in front.</summary>
    public static byte[] OpenPadded(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> saltAndCiphertext)
    {
        if (saltAndCiphertext.Length < SaltLength + Limits.Alignment || (saltAndCiphertext.Length - SaltLength) % Limits.Alignment != 0)
        {
            throw new MalformedObjectException($"{context.Type} {context.Address}", "truncated");
        }

        var plaintext = new byte[saltAndCiphertext.Length - SaltLength - TagLength];
        Open(parentKey, context, saltAndCiphertext[..SaltLength], saltAndCiphertext[SaltLength..], plaintext);
        var (data, codec) = PaddedPlaintext.Parse(plaintext);
        return codec == Codec.Stored ? plaintext[data] : throw new MalformedObjectException($"{context.Type} {context.Address}", "it is compressed, where that is not allowed");
    }

    /// <summary>A salt that repeats only if randomness and input both repeat.</summary>
    public static byte[] HedgedSalt(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> plaintext, RandomSource random)
    {
        byte[] input = [.. random(32), .. context.AssociatedData(), .. SHA256.HashData(plaintext)];
        return HMACSHA256.HashData(parentKey, input);
    }

    /// <summary>The cipher of one object: its key is derived from parent, salt and place.</summary>
    public static AesGcm Cipher(ReadOnlySpan<byte> parentKey, SealContext context, ReadOnlySpan<byte> salt)
    {
        byte[] derivation = [.. salt, .. context.AssociatedData()];
        return new AesGcm(DerivedKey.Of(parentKey, "object", derivation), TagLength);
    }
}
