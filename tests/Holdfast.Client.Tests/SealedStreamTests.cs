using System.Security.Cryptography;
using Holdfast.Restorer.Spooling;

namespace Holdfast.Client.Tests;

/// <summary>What a restorer keeps: cut at any point behind what was saved it goes on, and nobody changes it unnoticed.</summary>
public sealed class SealedStreamTests : IDisposable
{
    private static readonly byte[] _key = RandomNumberGenerator.GetBytes(32);

    private readonly string _path = Path.Combine(Path.GetTempPath(), $"holdfast-sealed-{Guid.NewGuid():N}");

    public void Dispose() => File.Delete(_path);

    [Fact]
    public void It_goes_on_from_what_was_saved_whatever_was_written_behind_it()
    {
        var random = new Random(7);
        var whole = new byte[1_000_000];
        random.NextBytes(whole);
        var (length, tail) = (0L, Array.Empty<byte>());
        while (length < whole.Length)
        {
            using var stream = Open(length, tail);
            Write(stream, whole.AsSpan((int)length, (int)Math.Min(random.Next(1, 150_000), whole.Length - length)), random);
            (length, tail) = (stream.Length, stream.Tail.ToArray());

            // A killed process wrote more, which nobody saved: other bytes, and it breaks off anywhere.
            Write(stream, RandomNumberGenerator.GetBytes(random.Next(0, 200_000)), random);
            RandomAccess.SetLength(stream.File, Math.Max(length / SealedStream.PieceLength * (SealedStream.PieceLength + 28), RandomAccess.GetLength(stream.File) - random.Next(0, 1000)));
        }

        using var read = Open(length, tail);
        for (var i = 0; i < 200; i++)
        {
            var (at, count) = (random.Next(0, whole.Length), random.Next(0, 200_000));
            read.Position = at;
            var part = new byte[Math.Min(count, whole.Length - at)];
            read.ReadExactly(part);
            Assert.True(whole.AsSpan(at, part.Length).SequenceEqual(part));
        }

        read.Position = whole.Length;
        Assert.Equal(0, read.Read(new byte[10]));
    }

    [Fact]
    public void What_was_changed_moved_or_cut_is_refused()
    {
        using (var stream = Open(0, []))
        {
            stream.Write(new byte[SealedStream.PieceLength * 3]);
        }

        var stored = File.ReadAllBytes(_path);
        var piece = stored.Length / 3;
        foreach (var wrong in new[] { Flipped(stored, 20), [.. stored[piece..(2 * piece)], .. stored[..piece], .. stored[(2 * piece)..]], stored[..(piece - 1)] })
        {
            File.WriteAllBytes(_path, wrong);
            using var stream = Open(SealedStream.PieceLength * 3, []);
            Assert.Throws<InvalidDataException>(() => stream.Read(new byte[10]));
        }
    }

    private static byte[] Flipped(byte[] bytes, int at) => [.. bytes[..at], (byte)(bytes[at] ^ 1), .. bytes[(at + 1)..]];

    private static void Write(SealedStream stream, ReadOnlySpan<byte> bytes, Random random)
    {
        while (bytes.Length > 0)
        {
            var count = Math.Min(bytes.Length, random.Next(1, 70_000));
            stream.Write(bytes[..count]);
            bytes = bytes[count..];
        }
    }

    private SealedStream Open(long length, byte[] tail) => new(File.OpenHandle(_path, FileMode.OpenOrCreate, FileAccess.ReadWrite), _key, length, tail);
}
