using System.IO.Hashing;
using Holdfast.Format.Objects;

namespace Holdfast.Pods.Volumes;

/// <summary>Last block of a sealed extent: where its contents are. Behind it nothing is ever written.</summary>
/// <remarks>0 magic "HFSEALED" · 8 offset of the contents record u64 · 16 zeros 8 · 24 generation 16 · 40 XxHash128 of bytes 0–39; zeros to 4,096.</remarks>
internal static class Seal
{
    private static ReadOnlySpan<byte> Magic => "HFSEALED"u8;

    public static byte[] Encode(long contents, Guid generation)
    {
        var writer = new ByteWriter(VolumeLayout.Alignment).Bytes(Magic).Int64(contents).Zeros(8).Bytes(generation.ToByteArray());
        writer.Bytes(XxHash128.Hash(writer.Written));
        return writer.Zeros(VolumeLayout.Alignment - writer.Length).ToArray();
    }

    /// <summary>The offset of the contents record, or null if the block is no seal of this extent.</summary>
    public static long? TryParse(ReadOnlySpan<byte> block, Guid generation)
    {
        if (block.Length < 56 || !block.StartsWith(Magic) || !XxHash128.Hash(block[..40]).AsSpan().SequenceEqual(block.Slice(40, 16)) || new Guid(block.Slice(24, 16)) != generation)
        {
            return null;
        }

        return BitConverter.ToInt64(block[8..]);
    }
}
