using System.Buffers;
using System.Buffers.Text;
using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>What a pass lets its bearer do at a restorer.</summary>
public enum PassPurpose : byte
{
    /// <summary>Fetch one archive.</summary>
    Download = 1,

    /// <summary>Look into one account.</summary>
    Browse = 2,

    /// <summary>Upload one archive.</summary>
    Upload = 3,
}

/// <summary>The authority's word, until a moment, that its bearer may fetch or upload one archive, or look into one account.</summary>
/// <remarks>26 bytes and a signature of 64, base64url: 0 version u8 · 1 purpose u8 · 2 subject 16 (an archive's or account's id) · 18 expiry i64 (seconds since 1970).</remarks>
public sealed record RestorerPass(PassPurpose Purpose, Guid Subject, DateTimeOffset Expires)
{
    private const int UnsignedLength = 26;
    private const byte Version = 1;

    private static ReadOnlySpan<byte> Label => "holdfast restorer pass v1\0"u8;

    public string Sign(ECDsa authorityKey)
    {
        var writer = new ByteWriter(UnsignedLength + Signatures.Length).Byte(Version).Byte((byte)Purpose);
        Subject.TryWriteBytes(writer.Reserve(16));
        writer.Int64(Expires.ToUnixTimeSeconds());
        writer.Bytes(Signatures.Sign(authorityKey, Label, writer.Written));
        return Base64Url.EncodeToString(writer.Written);
    }

    /// <summary>Reads a pass that the authority signed; null if it is malformed, forged or expired.</summary>
    public static RestorerPass? TryVerify(ReadOnlySpan<char> text, ECDsa authorityKey, DateTimeOffset now)
    {
        Span<byte> bytes = stackalloc byte[UnsignedLength + Signatures.Length];
        if (text.Length > 256 || Base64Url.DecodeFromChars(text, bytes, out _, out var written) != OperationStatus.Done || written != bytes.Length
            || !Signatures.Verify(authorityKey, Label, bytes[..UnsignedLength], bytes[UnsignedLength..]))
        {
            return null;
        }

        var reader = new SpanReader(bytes[..UnsignedLength], "restorer pass");
        if (reader.Byte() != Version)
        {
            return null;
        }

        var pass = new RestorerPass((PassPurpose)reader.Byte(), new Guid(reader.Bytes(16)), DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(reader.Int64(), 0, 253402300799)));
        return pass.Expires > now ? pass : null;
    }
}
