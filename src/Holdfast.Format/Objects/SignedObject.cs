using System.Security.Cryptography;

namespace Holdfast.Format.Objects;

/// <summary>Envelope of index segments, snapshots and map pages: header ‖ body ‖ SHA-256(header ‖ body) ‖ signature of that checksum.</summary>
public sealed class SignedObject
{
    public const int TrailerLength = 32 + Signatures.Length;

    private SignedObject(ReadOnlyMemory<byte> bytes, ObjectHeader header)
    {
        Bytes = bytes;
        Header = header;
    }

    public ReadOnlyMemory<byte> Bytes { get; }

    public ObjectHeader Header { get; }

    public ReadOnlyMemory<byte> Body => Bytes[ObjectHeader.Length..^TrailerLength];

    public ReadOnlyMemory<byte> Checksum => Bytes[^TrailerLength..^Signatures.Length];

    public ReadOnlyMemory<byte> Signature => Bytes[^Signatures.Length..];

    public static byte[] Build(ObjectHeader header, ReadOnlySpan<byte> body, ECDsa signingKey)
    {
        var bytes = new byte[ObjectHeader.Length + body.Length + TrailerLength];
        header.Write(bytes);
        body.CopyTo(bytes.AsSpan(ObjectHeader.Length));
        var checksum = bytes.AsSpan(bytes.Length - TrailerLength, 32);
        SHA256.HashData(bytes.AsSpan(0, bytes.Length - TrailerLength), checksum);
        Signatures.Sign(signingKey, Signatures.ObjectLabel, checksum).CopyTo(bytes, bytes.Length - Signatures.Length);
        return bytes;
    }

    /// <summary>Reads the envelope and compares the checksum; the signature is for <see cref="IsSignedBy"/>.</summary>
    public static SignedObject Parse(ReadOnlyMemory<byte> bytes, ObjectType expected)
    {
        var what = expected.ToString();
        var header = ObjectHeader.Read(bytes.Span);
        if (header.Type != expected)
        {
            throw new MalformedObjectException(what, $"it is a {header.Type}");
        }

        if (bytes.Length < ObjectHeader.Length + TrailerLength)
        {
            throw new MalformedObjectException(what, "truncated");
        }

        Span<byte> checksum = stackalloc byte[32];
        SHA256.HashData(bytes.Span[..^TrailerLength], checksum);
        var signed = new SignedObject(bytes, header);
        return checksum.SequenceEqual(signed.Checksum.Span)
            ? signed
            : throw new MalformedObjectException(what, "its checksum does not match: it is damaged or truncated");
    }

    public bool IsSignedBy(ReadOnlySpan<byte> publicKey) =>
        Signatures.Verify(publicKey, Signatures.ObjectLabel, Checksum.Span, Signature.Span);
}
