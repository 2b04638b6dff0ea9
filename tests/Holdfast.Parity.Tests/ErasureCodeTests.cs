using CsCheck;
using Holdfast.Parity.Kernels;

namespace Holdfast.Parity.Tests;

/// <summary>Any k shards give back all, on every kernel alike, with the matrix that others use too.</summary>
public sealed unsafe class ErasureCodeTests
{
    /// <summary>Backblaze's published example.</summary>
    [Fact]
    public void The_published_vector_comes_out()
    {
        foreach (var kernel in KernelChoice.Supported)
        {
            byte[][] shards = [[0, 1], [4, 5], [2, 3], [6, 7], [8, 9], new byte[2], new byte[2], new byte[2], new byte[2], new byte[2]];
            With(shards, addresses => new ErasureCode(5, 5, kernel).Encode(addresses, 2));
            Assert.Equal([[12, 13], [10, 11], [14, 15], [90, 91], [94, 95]], shards[5..]);
        }
    }

    [Fact]
    public void Kernels_agree_with_the_reference() =>
        Gen.Select(Gen.Int[1, 20], Gen.Int[0, 7], Gen.Int[0, 700], Gen.Int).Sample((data, parity, length, seed) =>
        {
            var expected = Encoded(new ScalarKernel(), data, parity, length, seed);
            foreach (var kernel in KernelChoice.Supported)
            {
                Assert.Equal(expected, Encoded(kernel, data, parity, length, seed));
            }
        }, iter: 300);

    [Fact]
    public void Any_lost_shards_come_back_as_long_as_enough_are_left() =>
        Gen.Select(Gen.Int[1, 17], Gen.Int[0, 5], Gen.Int[1, 300], Gen.Int).Sample((data, parity, length, seed) =>
        {
            var random = new Random(seed);
            foreach (var kernel in KernelChoice.Supported)
            {
                var shards = Encoded(kernel, data, parity, length, seed);
                var order = Enumerable.Range(0, data + parity).ToArray();
                random.Shuffle(order);
                var (sources, wanted) = (order[..data], order[data..]);
                byte[][] results = [.. wanted.Select(_ => new byte[length])];
                With([.. sources.Select(shard => shards[shard]), .. results], addresses =>
                    new ErasureCode(data, parity, kernel).Reconstruct(sources, addresses[..data], wanted, addresses[data..], length));
                Assert.Equal(wanted.Select(shard => shards[shard]), results);
            }
        }, iter: 200);

    [Fact]
    public void One_data_shard_makes_copies()
    {
        var shards = Encoded(KernelChoice.Fastest, 1, 3, 1000, 7);
        Assert.All(shards, shard => Assert.Equal(shards[0], shard));
    }

    [Fact]
    public void The_field_is_the_one_of_0x11D()
    {
        for (var a = 0; a < 256; a++)
        {
            Assert.Equal(a == 0 ? 0 : 1, a == 0 ? 0 : GaloisField.Multiply((byte)a, GaloisField.Invert((byte)a)));
            for (var b = 0; b < 256; b++)
            {
                Assert.Equal(Slowly(a, b), GaloisField.Multiply((byte)a, (byte)b));
            }
        }
    }

    /// <summary>GF2P8AFFINEQB as Intel's manual defines it, so that its matrices are proved on processors without it.</summary>
    [Fact]
    public void Bit_matrices_multiply_as_the_instruction_will()
    {
        for (var coefficient = 0; coefficient < 256; coefficient++)
        {
            var matrix = BitConverter.GetBytes(new Coefficients([[(byte)coefficient]]).Affine[0][0]);
            for (var x = 0; x < 256; x++)
            {
                var product = 0;
                for (var bit = 0; bit < 8; bit++)
                {
                    product |= (System.Numerics.BitOperations.PopCount((uint)(matrix[7 - bit] & x)) & 1) << bit;
                }

                Assert.Equal(GaloisField.Multiply((byte)coefficient, (byte)x), product);
            }
        }
    }

    [Fact]
    public void Strides_are_odd_multiples_of_a_cache_line()
    {
        foreach (var length in new[] { 1, 63, 64, 65, 128, 4096, 986_896, 1 << 20 })
        {
            Assert.InRange(ErasureCode.Stride(length), length, length + 127);
            Assert.Equal(1, ErasureCode.Stride(length) / 64 % 2);
        }
    }

    private static byte[][] Encoded(IKernel kernel, int data, int parity, int length, int seed)
    {
        var random = new Random(seed);
        byte[][] shards = [.. Enumerable.Range(0, data + parity).Select(_ => new byte[length])];
        foreach (var shard in shards)
        {
            random.NextBytes(shard);
        }

        With(shards, addresses => new ErasureCode(data, parity, kernel).Encode(addresses, length));
        return shards;
    }

    private delegate void UseAddresses(ReadOnlySpan<nint> addresses);

    private static void With(byte[][] shards, UseAddresses use)
    {
        var handles = shards.Select(shard => System.Runtime.InteropServices.GCHandle.Alloc(shard, System.Runtime.InteropServices.GCHandleType.Pinned)).ToArray();
        try
        {
            use(handles.Select(handle => handle.AddrOfPinnedObject()).ToArray());
        }
        finally
        {
            foreach (var handle in handles)
            {
                handle.Free();
            }
        }
    }

    private static int Slowly(int a, int b)
    {
        var product = 0;
        for (; b != 0; b >>= 1, a = (a << 1) > 255 ? (a << 1) ^ GaloisField.Polynomial : a << 1)
        {
            product ^= (b & 1) != 0 ? a : 0;
        }

        return product;
    }
}
