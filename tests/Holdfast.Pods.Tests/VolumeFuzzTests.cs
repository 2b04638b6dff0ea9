using Holdfast.Format;
using Holdfast.Pods.Volumes;

namespace Holdfast.Pods.Tests;

/// <summary>Whatever lies on a drive, its parsers say yes, no, or what is wrong; nothing else.</summary>
public sealed class VolumeFuzzTests
{
    private static readonly ExtentHeader _extent = new(VolumeKind.Coded, 4, 2, 1, Guid.NewGuid(), Guid.NewGuid(), 7, DateTimeOffset.UnixEpoch.AddYears(50), [0, 1, 2, 3, 4, 5]);

    private static TimeSpan Long => TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SECONDS"), out var seconds) ? seconds : 1);

    [Fact]
    public void Extent_headers() => Fuzz(_extent.Encode(), bytes => ExtentHeader.Parse(bytes));

    [Fact]
    public void Records() => Fuzz(Record(), bytes => RecordHeader.TryParse(bytes, _extent));

    [Fact]
    public void Contents() => Fuzz(ContentsRow.Encode([new ContentsRow(RecordType.Object, StoredObjects.Name(5), 4096, 8192, 9, DateTimeOffset.UnixEpoch, 100)]), bytes => ContentsRow.Parse(bytes));

    [Fact]
    public void Seals() => Fuzz(Seal.Encode(4096, _extent.Generation), bytes => Seal.TryParse(bytes, _extent.Generation));

    [Fact]
    public void A_record_is_only_read_where_it_was_written()
    {
        var bytes = Record();
        Assert.NotNull(RecordHeader.TryParse(bytes, _extent));
        Assert.Null(RecordHeader.TryParse(bytes, _extent with { Volume = 8 }));
        Assert.Null(RecordHeader.TryParse(bytes, _extent with { Shard = 2 }));
        Assert.Null(RecordHeader.TryParse(bytes, _extent with { Generation = Guid.NewGuid() }));
        for (var at = 0; at < RecordHeader.FixedLength + 8; at++)
        {
            var changed = bytes.ToArray();
            changed[at] ^= 1;
            Assert.Null(RecordHeader.TryParse(changed, _extent));
        }
    }

    private static byte[] Record()
    {
        var shard = StoredObjects.Content(1, 3000);
        var header = new RecordHeader
        {
            Type = RecordType.Object, Shard = 1, Name = StoredObjects.Name(1), Volume = 7, Generation = _extent.Generation, Sequence = 3, Time = DateTimeOffset.UnixEpoch.AddYears(50),
            ObjectLength = 12_000, ShardLength = 3000, ObjectHash = 5, BlockHashes = RecordHeader.HashBlocks(shard, 3, 1),
        };
        var bytes = new byte[header.RecordLength];
        header.Write(bytes);
        shard.CopyTo(bytes, header.DataOffset);
        return bytes;
    }

    private static void Fuzz(byte[] valid, Action<byte[]> parse)
    {
        parse(valid);
        var random = new Random(20261126);
        var started = TimeProvider.System.GetTimestamp();
        for (var round = 0; round < 2000 || TimeProvider.System.GetElapsedTime(started) < Long; round++)
        {
            var bytes = valid.ToArray();
            for (var changes = random.Next(1, 8); changes > 0 && bytes.Length > 0; changes--)
            {
                switch (random.Next(4))
                {
                    case 0: bytes[random.Next(bytes.Length)] ^= (byte)(1 << random.Next(8)); break;
                    case 1: bytes[random.Next(bytes.Length)] = (byte)random.Next(256); break;
                    case 2: bytes = bytes[..random.Next(bytes.Length + 1)]; break;
                    default: random.NextBytes(bytes.AsSpan(random.Next(bytes.Length)) is { Length: > 8 } rest ? rest[..8] : bytes); break;
                }
            }

            try
            {
                parse(bytes);
            }
            catch (MalformedObjectException)
            {
                // That is the answer.
            }
        }
    }
}
