using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Format.Tests;

/// <summary>Packs prove themselves without keys, also after their frames have moved.</summary>
public sealed class PackTests
{
    [Fact]
    public void A_pack_is_read_from_its_tail_and_any_changed_byte_is_noticed()
    {
        var pack = Samples.Pack(5, 4);
        var tables = PackTables.Parse(pack);
        Assert.Equal(4, tables.FrameTable.Frames.Count);
        Assert.True(tables.IsSignedBy(Samples.PublicKey));
        Assert.Null(tables.FirstDamagedFrame(pack));
        var tail = pack[^tables.Trailer.TailLength..];
        Assert.Equal(5u, PackTables.Parse(tail, pack.Length).Header.Number);
        for (var at = 0; at < pack.Length; at += 97)
        {
            var damaged = pack.ToArray();
            damaged[at] ^= 1;
            try
            {
                var parsed = PackTables.Parse(damaged);
                var isPadding = at is >= ObjectHeader.Length and < Limits.Alignment;
                Assert.True(parsed.FirstDamagedFrame(damaged) is not null || !parsed.IsSignedBy(Samples.PublicKey) || isPadding, $"byte {at}");
            }
            catch (MalformedObjectException)
            {
                // Noticed by a checksum.
            }
        }
    }

    [Fact]
    public void Frames_keep_their_addresses_and_proofs_through_two_compactions()
    {
        var first = Samples.Pack(5, 4, seed: 1);
        var second = Samples.Pack(6, 4, seed: 2);
        var once = PackCopier.Copy(10, [first, second], address => address.Slot is 1 or 2);
        var twice = PackCopier.Copy(11, [once, Samples.Pack(7, 2, seed: 3)], address => address != new Address(5, 1));
        var tables = PackTables.Parse(twice);
        Assert.Equal([new(5, 2), new(6, 1), new(6, 2), new(7, 0), new Address(7, 1)], tables.FrameTable.Frames.Select(frame => frame.Origin));
        Assert.Equal([5u, 6u, 7u], tables.Origins.Select(origin => origin.Header.Number));
        Assert.All(tables.Origins, origin => Assert.True(origin.IsSignedBy(Samples.PublicKey)));
        Assert.Null(tables.FirstDamagedFrame(twice));

        // The bytes are those of the pack they were born in.
        var original = PackTables.Parse(first).FrameTable.Frames[2];
        var moved = tables.FrameTable.Frames[0];
        Assert.True(first.AsSpan((int)original.Offset, original.Length).SequenceEqual(twice.AsSpan((int)moved.Offset, moved.Length)));
    }

    [Fact]
    public void A_misdirected_or_relabelled_frame_is_refused_without_keys()
    {
        var copied = PackCopier.Copy(10, [Samples.Pack(5, 4)], _ => true);
        var table = PackTables.Parse(copied);
        var swapped = new FrameTable { Sessions = table.FrameTable.Sessions, Frames = [.. table.FrameTable.Frames] };
        (swapped.Frames[0], swapped.Frames[2]) = (swapped.Frames[0] with { Origin = swapped.Frames[2].Origin }, swapped.Frames[2] with { Origin = swapped.Frames[0].Origin });
        Assert.Throws<MalformedObjectException>(() => PackTables.Parse(Rebuild(copied, table, swapped)));
        var foreign = new FrameTable { Sessions = table.FrameTable.Sessions, Frames = [.. table.FrameTable.Frames.Select(frame => frame with { Origin = frame.Origin with { Number = 99 } })] };
        Assert.Throws<MalformedObjectException>(() => PackTables.Parse(Rebuild(copied, table, foreign)));
    }

    private static byte[] Rebuild(byte[] pack, PackTables tables, FrameTable table)
    {
        var bytes = table.Encode();
        var start = pack.Length - tables.Trailer.TailLength + ObjectHeader.Length;
        bytes.CopyTo(pack, start);
        var records = pack.AsSpan(start + bytes.Length, tables.Trailer.OriginRecordsLength);
        var checksum = new byte[32];
        PackTables.Checksum(pack, bytes, [], records, checksum);
        (tables.Trailer with { Checksum = checksum }).Write(pack.AsSpan(pack.Length - PackTrailer.Length));
        return pack;
    }
}
