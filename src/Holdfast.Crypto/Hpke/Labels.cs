using System.Security.Cryptography;

namespace Holdfast.Crypto.Hpke;

/// <summary>LabeledExtract and LabeledExpand of RFC 9180 §4.</summary>
internal static class Labels
{
    private static ReadOnlySpan<byte> Version => "HPKE-v1"u8;

    public static byte[] Extract(ReadOnlySpan<byte> suite, ReadOnlySpan<byte> salt, ReadOnlySpan<byte> label, ReadOnlySpan<byte> material)
    {
        var prk = new byte[32];
        HKDF.Extract(HashAlgorithmName.SHA256, [.. Version, .. suite, .. label, .. material], salt, prk);
        return prk;
    }

    public static byte[] Expand(ReadOnlySpan<byte> suite, ReadOnlySpan<byte> prk, ReadOnlySpan<byte> label, ReadOnlySpan<byte> info, int length)
    {
        var output = new byte[length];
        HKDF.Expand(HashAlgorithmName.SHA256, prk, output, [(byte)(length >> 8), (byte)length, .. Version, .. suite, .. label, .. info]);
        return output;
    }
}
