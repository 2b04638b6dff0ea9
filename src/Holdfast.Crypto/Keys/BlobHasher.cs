using System.Security.Cryptography;
using Holdfast.Format.Blobs;

namespace Holdfast.Crypto.Keys;

/// <summary>Names blobs: HMAC-SHA256(id key, type ‖ plaintext). One per thread: it keeps state between appends.</summary>
public sealed class BlobHasher(GroupKeys keys) : IDisposable
{
    private const byte NameMark = 0xFF;

    private readonly IncrementalHash _hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, keys.IdKey);

    public BlobId Id(BlobType type, ReadOnlySpan<byte> plaintext) => Keyed((byte)type, plaintext);

    /// <summary>The split mark of a directory entry: the first eight bytes of HMAC-SHA256(id key, FF ‖ name).</summary>
    public ulong NodeMark(ReadOnlySpan<byte> name) => Keyed(NameMark, name).Prefix;

    public void Dispose() => _hash.Dispose();

    private BlobId Keyed(byte prefix, ReadOnlySpan<byte> bytes)
    {
        Span<byte> id = stackalloc byte[BlobId.Length];
        _hash.AppendData([prefix]);
        _hash.AppendData(bytes);
        _hash.GetHashAndReset(id);
        return new BlobId(id);
    }
}
