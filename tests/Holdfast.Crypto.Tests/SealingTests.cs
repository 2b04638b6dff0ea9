using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Crypto.Tests;

/// <summary>One derived key for each object; nothing passes for something else.</summary>
public sealed class SealingTests
{
    private static readonly byte[] _parent = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
    private static readonly AccountId _account = AccountId.Parse("000102030405060708090a0b0c0d0e0f");
    private static readonly SealContext _context = new(_account, 1, SealedType.DataFrame, new Address(7, 3));

    [Fact]
    public void What_was_sealed_opens_only_where_it_was_sealed_for()
    {
        var data = "some plaintext"u8.ToArray();
        var sealedBytes = ObjectSealer.SealPadded(_parent, _context, data, Frozen);
        Assert.Equal(0, (sealedBytes.Length - 32) % Limits.Alignment);
        Assert.Equal(data, ObjectSealer.OpenPadded(_parent, _context, sealedBytes));
        SealContext[] others =
        [
            _context with { Account = AccountId.Parse("ff0102030405060708090a0b0c0d0e0f") }, _context with { Group = 2 },
            _context with { Type = SealedType.TreeFrame }, _context with { Address = new Address(8, 3) }, _context with { Address = new Address(7, 4) },
        ];
        foreach (var other in others)
        {
            Assert.Throws<MalformedObjectException>(() => ObjectSealer.OpenPadded(_parent, other, sealedBytes));
        }

        foreach (var at in new[] { 0, 31, 32, 500, sealedBytes.Length - 1 })
        {
            var damaged = sealedBytes.ToArray();
            damaged[at] ^= 0x10;
            Assert.Throws<MalformedObjectException>(() => ObjectSealer.OpenPadded(_parent, _context, damaged));
        }
    }

    [Fact]
    public void Frozen_randomness_repeats_a_key_only_for_the_very_same_bytes_at_the_same_place()
    {
        var text = System.Text.Encoding.UTF8.GetBytes(string.Concat(Enumerable.Range(0, 5000).Select(i => $"line {i % 97}\n")));
        var salts = new HashSet<string>();
        foreach (var level in new[] { 0, 1, 3 })
        {
            using var codec = new FrameCodec(level);
            var encoded = new byte[FrameCodec.EncodedLengthMax(text.Length)];
            var length = codec.Encode(text, encoded);
            foreach (var address in new[] { new Address(7, 3), new Address(7, 4), new Address(8, 3) })
            {
                Assert.True(salts.Add(Convert.ToHexString(ObjectSealer.HedgedSalt(_parent, _context with { Address = address }, encoded.AsSpan(0, length), Frozen))));
            }
        }

        Assert.Equal(9, salts.Count);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(9)]
    public void Frames_of_any_data_come_back(int level)
    {
        using var codec = new FrameCodec(level);
        var random = new Random(5);
        foreach (var length in new[] { 0, 1, 4075, 4076, 70_000, 1 << 20, Limits.FrameLengthMax })
        {
            var data = new byte[length];
            random.NextBytes(data.AsSpan(0, length / 2));
            var encoded = new byte[FrameCodec.EncodedLengthMax(length)];
            var total = codec.Encode(data, encoded);
            Assert.Equal(0, (total + PaddedPlaintext.TagLength) % Limits.Alignment);
            Assert.True(total <= length + (2 * Limits.Alignment));
            var decoded = new byte[codec.DecodedLength(encoded.AsSpan(0, total))];
            codec.Decode(encoded.AsSpan(0, total), decoded);
            Assert.Equal(data, decoded);
        }
    }

    [Fact]
    public void A_bomb_is_refused_before_anything_is_allocated()
    {
        using var codec = new FrameCodec();
        var zeros = new byte[Limits.FrameLengthMax + 1];
        var encoded = new byte[FrameCodec.EncodedLengthMax(zeros.Length)];
        var total = codec.Encode(zeros, encoded);
        Assert.Throws<MalformedObjectException>(() => codec.DecodedLength(encoded.AsSpan(0, total)));
        encoded.AsSpan(PaddedPlaintext.PrefixLength + 4, 200).Fill(0xFF);
        Assert.Throws<MalformedObjectException>(() => codec.DecodedLength(encoded.AsSpan(0, total)));
    }

    private static byte[] Frozen(int count) => new byte[count];
}
