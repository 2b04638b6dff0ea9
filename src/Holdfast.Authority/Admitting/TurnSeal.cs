using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Admitting;

/// <summary>Seals the moment that a computer was told, so that it can show it to any node: 8 bytes of milliseconds and 16 of HMAC-SHA256, base64url. Nobody else's is worth anything to it.</summary>
internal sealed class TurnSeal(byte[] key)
{
    private const int MacLength = 16;
    private const int Length = sizeof(long) + MacLength;

    public string Seal(AccountId account, uint computer, DateTimeOffset moment)
    {
        Span<byte> turn = stackalloc byte[Length];
        BinaryPrimitives.WriteInt64BigEndian(turn, moment.ToUnixTimeMilliseconds());
        Mac(account, computer, turn[..sizeof(long)], turn[sizeof(long)..]);
        return Base64Url.EncodeToString(turn);
    }

    /// <summary>The moment; null if this service told this computer no such thing.</summary>
    public DateTimeOffset? TryOpen(AccountId account, uint computer, ReadOnlySpan<char> token)
    {
        Span<byte> turn = stackalloc byte[Length];
        Span<byte> mac = stackalloc byte[MacLength];
        if (token.Length != Base64Url.GetEncodedLength(Length) || !Base64Url.TryDecodeFromChars(token, turn, out var written) || written != Length)
        {
            return null;
        }

        Mac(account, computer, turn[..sizeof(long)], mac);
        return CryptographicOperations.FixedTimeEquals(mac, turn[sizeof(long)..]) ? DateTimeOffset.FromUnixTimeMilliseconds(BinaryPrimitives.ReadInt64BigEndian(turn)) : null;
    }

    /// <summary>A number that stands for a computer, spread evenly: nobody can choose their place.</summary>
    public ulong Draw(AccountId account, uint computer)
    {
        Span<byte> mac = stackalloc byte[MacLength];
        Mac(account, computer, "rank"u8, mac);
        return BinaryPrimitives.ReadUInt64BigEndian(mac);
    }

    private void Mac(AccountId account, uint computer, ReadOnlySpan<byte> content, Span<byte> mac)
    {
        Span<byte> message = stackalloc byte[AccountId.Length + sizeof(uint) + sizeof(long)];
        message.Clear();
        account.ToArray().CopyTo(message);
        BinaryPrimitives.WriteUInt32BigEndian(message[AccountId.Length..], computer);
        content.CopyTo(message[(AccountId.Length + sizeof(uint))..]);
        Span<byte> whole = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(key, message[..(AccountId.Length + sizeof(uint) + content.Length)], whole);
        whole[..MacLength].CopyTo(mac);
    }
}
