using System.IO.Compression;
using Holdfast.Authority.SelfBackups;
using Holdfast.Format;
using Holdfast.Protocol.Failures;

namespace Holdfast.Contracts.Tests;

/// <summary>The bytes of a self-backup: read as they were written, and refused if they are not.</summary>
public sealed class SelfBackupTests
{
    private static readonly CopyRecord[] _records =
    [
        new CopyBegin(1_800_000_000, "1.0", 7, 5), new CopiedFile("data/holdfastd.json", [1, 2, 3]), new CopiedTable("one", "objects", ["number", "state", "receipt", "nothing"]),
        new CopiedRows([[long.MinValue, "größe", new byte[70_000], null], [5L, "", Array.Empty<byte>(), null]]), new CopyEnd(2),
    ];

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Records_come_back_in_order()
    {
        var read = new List<CopyRecord>();
        await foreach (var record in CopyStreams.ReadAsync(new MemoryStream(await WriteAsync(_records)), Cancellation))
        {
            read.Add(record);
        }

        Assert.Equal(_records.Select(record => Convert.ToHexString(record.Encode())), read.Select(record => Convert.ToHexString(record.Encode())));
        Assert.Equal(_records[0], read[0]);
    }

    [Fact]
    public async Task A_copy_that_is_cut_is_refused_wherever_that_is()
    {
        var whole = await WriteAsync(_records);
        for (var length = 0; length < whole.Length - 8; length += 1 + (length / 20))
        {
            await Assert.ThrowsAsync<MalformedObjectException>(() => CountAsync(whole[..length]));
        }

        await Assert.ThrowsAsync<MalformedObjectException>(async () => await CountAsync(await WriteAsync(_records[..^1])));
    }

    [Fact]
    public void A_record_is_read_or_refused_whatever_it_is()
    {
        var limit = TimeSpan.FromSeconds(double.Parse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SECONDS") ?? "0.4", System.Globalization.CultureInfo.InvariantCulture));
        var (random, refused, started) = (new Random(20261127), 0, TimeProvider.System.GetTimestamp());
        while (TimeProvider.System.GetElapsedTime(started) < limit)
        {
            var bytes = _records[random.Next(_records.Length)].Encode();
            for (var changes = random.Next(1, 6); changes > 0; changes--)
            {
                bytes[random.Next(Math.Min(bytes.Length, 100))] = (byte)random.Next(256);
            }

            try
            {
                CopyRecord.Parse(bytes.AsMemory(0, random.Next(2) == 0 ? bytes.Length : random.Next(bytes.Length)));
            }
            catch (MalformedObjectException)
            {
                refused++;
            }
        }

        Assert.True(refused > 10);
    }

    [Fact]
    public void A_part_opens_with_its_key_in_its_place_and_unchanged()
    {
        var (key, content) = (SelfBackupKey.Parse(SelfBackupKey.Draw().ToString()), new byte[] { 1, 2, 3, 4 });
        var sealedPart = SealedPart.Seal(key, 7, 3, isLast: true, content);
        Assert.Equal(content, SealedPart.Open(key, 7, 3, sealedPart, out var isLast));
        Assert.True(isLast);
        Assert.NotEqual(sealedPart, SealedPart.Seal(key, 7, 3, isLast: true, content));
        Assert.Equal(FailureTable.WrongPassphrase, Assert.Throws<HoldfastException>(() => SealedPart.Open(SelfBackupKey.Draw(), 7, 3, sealedPart, out _)).Kind);
        Assert.Throws<MalformedObjectException>(() => SealedPart.Open(key, 7, 2, sealedPart, out _));
        Assert.Throws<MalformedObjectException>(() => SealedPart.Open(key, 8, 3, sealedPart, out _));
        for (var at = 0; at < sealedPart.Length; at++)
        {
            var changed = sealedPart.ToArray();
            changed[at] ^= 1;
            Assert.True(Record.Exception(() => SealedPart.Open(key, 7, 3, changed, out _)) is HoldfastException or MalformedObjectException, $"byte {at} was changed, and it opened");
            Assert.Throws<MalformedObjectException>(() => SealedPart.Open(key, 7, 3, sealedPart[..Math.Min(at, SealedPart.PrefixLength)], out _));
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("holdfast-self-backup-00")]
    public void A_mistyped_key_is_refused(string text) => Assert.Equal(FailureTable.InvalidRequest, Assert.Throws<HoldfastException>(() => SelfBackupKey.Parse(text)).Kind);

    [Fact]
    public void A_wrong_letter_in_a_key_is_noticed()
    {
        var text = SelfBackupKey.Draw().ToString();
        var last = text[30] == '0' ? '1' : '0';
        Assert.Throws<HoldfastException>(() => SelfBackupKey.Parse(text[..30] + last + text[31..]));
    }

    private static async Task<byte[]> WriteAsync(IEnumerable<CopyRecord> records)
    {
        var target = new MemoryStream();
        await using (var compressed = new GZipStream(target, CompressionLevel.Fastest, leaveOpen: true))
        {
            foreach (var record in records)
            {
                await CopyStreams.WriteAsync(compressed, record, Cancellation);
            }
        }

        return target.ToArray();
    }

    private static async Task<int> CountAsync(byte[] bytes)
    {
        var count = 0;
        await foreach (var _ in CopyStreams.ReadAsync(new MemoryStream(bytes), Cancellation))
        {
            count++;
        }

        return count;
    }
}
