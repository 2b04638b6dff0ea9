using System.Security.Cryptography;
using Holdfast.Client.Chunking;

namespace Holdfast.Client.Tests;

/// <summary>Cut points follow the content and the key, and nothing else.</summary>
public sealed class ChunkerTests
{
    private static readonly Chunker _chunker = new(SHA256.HashData("key"u8));

    [Fact]
    public void Vectors_and_single_bytes_cut_alike()
    {
        foreach (var data in Corpora())
        {
            for (var start = 0; start < data.Length;)
            {
                var window = data.AsSpan(start, Math.Min(Chunker.LengthMax, data.Length - start));
                var cut = _chunker.NextCut(window);
                Assert.Equal(_chunker.NextCutScalar(window), cut);
                Assert.InRange(cut, Math.Min(Chunker.LengthMin, window.Length), Chunker.LengthMax);
                start += cut;
            }
        }
    }

    [Fact]
    public void The_mean_is_about_what_it_says()
    {
        var data = new byte[64 << 20];
        new Random(1).NextBytes(data);
        var mean = data.Length / (double)Cuts(_chunker, data).Count;
        Assert.InRange(mean, Chunker.LengthMean * 0.75, Chunker.LengthMean * 1.35);
    }

    [Fact]
    public void An_insertion_moves_few_cuts()
    {
        var data = new byte[8 << 20];
        new Random(2).NextBytes(data);
        var before = Hashes(data);
        var inserted = Hashes([.. data[..4_000_000], 7, .. data[4_000_000..]]);
        Assert.InRange(inserted.Except(before).Count(), 1, 4);
    }

    [Fact]
    public void Another_key_cuts_elsewhere()
    {
        var data = new byte[8 << 20];
        new Random(3).NextBytes(data);
        var other = Cuts(new Chunker(SHA256.HashData("other"u8)), data);
        Assert.InRange(Cuts(_chunker, data).Intersect(other).Count(), 0, 5);
    }

    [Fact]
    public void Constant_bytes_are_cut_at_the_largest_length_under_every_key()
    {
        for (var key = 0; key < 50; key++)
        {
            var chunker = new Chunker(SHA256.HashData(BitConverter.GetBytes(key)));
            foreach (var value in new byte[] { 0, 1, 0x41, 0x80, 0xFF })
            {
                var data = new byte[Chunker.LengthMax];
                data.AsSpan().Fill(value);
                Assert.Equal(Chunker.LengthMax, chunker.NextCut(data));
            }
        }
    }

    private static IEnumerable<byte[]> Corpora()
    {
        var random = new Random(4);
        var noise = new byte[3_000_001];
        random.NextBytes(noise);
        yield return noise;
        yield return System.Text.Encoding.ASCII.GetBytes(string.Concat(Enumerable.Range(0, 200_000).Select(i => $"{i * 7919 % 1009} words and words\n")));
        yield return new byte[700_000];
        var periodic = new byte[2_000_000];
        for (var i = 0; i < periodic.Length; i++)
        {
            periodic[i] = noise[i % 37];
        }

        yield return periodic;
        foreach (var length in new[] { 0, 1, 3, Chunker.LengthMin, Chunker.LengthMin + 1, Chunker.LengthMin + 33, Chunker.LengthMean, Chunker.LengthMean + 31 })
        {
            yield return noise[..length];
        }
    }

    private static List<int> Cuts(Chunker chunker, byte[] data)
    {
        var cuts = new List<int>();
        for (var start = 0; start < data.Length;)
        {
            start += chunker.NextCut(data.AsSpan(start, Math.Min(Chunker.LengthMax, data.Length - start)));
            cuts.Add(start);
        }

        return cuts;
    }

    private static HashSet<string> Hashes(byte[] data)
    {
        var (hashes, start) = (new HashSet<string>(), 0);
        foreach (var cut in Cuts(_chunker, data))
        {
            hashes.Add(Convert.ToHexString(SHA256.HashData(data.AsSpan(start, cut - start))));
            start = cut;
        }

        return hashes;
    }
}
