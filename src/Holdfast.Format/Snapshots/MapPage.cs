using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Snapshots;

/// <summary>Which frames of up to 1,024 packs a snapshot needs: plaintext, so that the server alone can collect and count.</summary>
/// <remarks>
/// Body of the object: page index u32 (pack number ÷ 1,024) · u32 packs · packs × (pack number mod 1,024 u16 · bitmap bytes u16 · bitmap), sorted;
/// bit i of byte b is frame 8 b + i; the last byte is not zero. Named by SHA-256 of that body.
/// </remarks>
public sealed record MapPage(uint Index, IReadOnlyList<(uint Pack, byte[] Frames)> Packs)
{
    public const uint PacksPerPage = 1024;

    private const string What = "map page";

    public byte[] Encode()
    {
        var writer = new ByteWriter();
        writer.UInt32(Index).UInt32((uint)Packs.Count);
        foreach (var (pack, frames) in Packs)
        {
            writer.UInt16((ushort)(pack % PacksPerPage)).UInt16((ushort)frames.Length).Bytes(frames);
        }

        return writer.ToArray();
    }

    public static byte[] HashOf(ReadOnlySpan<byte> body) => SHA256.HashData(body);

    public static MapPage Parse(ReadOnlySpan<byte> body)
    {
        var reader = new SpanReader(body, What);
        var index = reader.UInt32();
        if (index > uint.MaxValue / PacksPerPage)
        {
            throw new MalformedObjectException(What, "its index is out of range");
        }

        var packs = new List<(uint, byte[])>(reader.Count((int)PacksPerPage));
        var next = 0;
        for (var i = 0; i < packs.Capacity; i++)
        {
            var offset = reader.UInt16();
            var length = reader.UInt16();
            if (offset < next || offset >= PacksPerPage || length is 0 or > Limits.FramesPerPackMax / 8)
            {
                throw new MalformedObjectException(What, "packs are unsorted, or a bitmap is too long");
            }

            var frames = reader.Bytes(length).ToArray();
            if (frames[^1] == 0)
            {
                throw new MalformedObjectException(What, "a bitmap is not in its shortest form");
            }

            packs.Add(((index * PacksPerPage) + offset, frames));
            next = offset + 1;
        }

        reader.End();
        return new MapPage(index, packs);
    }
}
