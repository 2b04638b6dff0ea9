using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Holdfast.Parity.Kernels;

/// <summary>AVX2: products of low and high nibbles are looked up by byte shuffles (Plank, Greenan and Miller, FAST 2013), two 32-byte vectors a step.</summary>
internal sealed unsafe class Avx2Kernel : IKernel
{
    private const int Step = 64;

    public static bool IsSupported => Avx2.IsSupported;

    public string Name => "AVX2";

    public void Multiply(Coefficients rows, ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, int length)
    {
        var vectors = length / Step * Step;
        fixed (nint* sources = inputs)
        {
            var row = 0;
            for (; row + 3 <= outputs.Length; row += 3)
            {
                Three(rows.Nibbles.AsSpan(row, 3), sources, inputs.Length, outputs.Slice(row, 3), vectors);
            }

            for (; row < outputs.Length; row++)
            {
                One(rows.Nibbles[row], sources, inputs.Length, (byte*)outputs[row], vectors);
            }
        }

        ScalarKernel.MultiplyFrom(rows, inputs, outputs, vectors, length);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Three(ReadOnlySpan<byte[]> rows, nint* inputs, int count, ReadOnlySpan<nint> outputs, int length)
    {
        fixed (byte* first = rows[0], second = rows[1], third = rows[2])
        {
            var nibble = Vector256.Create((byte)15);
            for (var position = 0; position < length; position += Step)
            {
                var (a0, a1, b0, b1, c0, c1) = (Vector256<byte>.Zero, Vector256<byte>.Zero, Vector256<byte>.Zero, Vector256<byte>.Zero, Vector256<byte>.Zero, Vector256<byte>.Zero);
                for (var column = 0; column < count; column++)
                {
                    var (x, y) = (Vector256.Load((byte*)inputs[column] + position), Vector256.Load((byte*)inputs[column] + position + 32));
                    var (xLow, yLow) = (x & nibble, y & nibble);
                    var (xHigh, yHigh) = (Vector256.ShiftRightLogical(x.AsUInt16(), 4).AsByte() & nibble, Vector256.ShiftRightLogical(y.AsUInt16(), 4).AsByte() & nibble);
                    Add(first + (column * 32), xLow, xHigh, yLow, yHigh, ref a0, ref a1);
                    Add(second + (column * 32), xLow, xHigh, yLow, yHigh, ref b0, ref b1);
                    Add(third + (column * 32), xLow, xHigh, yLow, yHigh, ref c0, ref c1);
                }

                Store(outputs[0], position, a0, a1);
                Store(outputs[1], position, b0, b1);
                Store(outputs[2], position, c0, c1);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void One(byte[] row, nint* inputs, int count, byte* output, int length)
    {
        fixed (byte* tables = row)
        {
            var nibble = Vector256.Create((byte)15);
            for (var position = 0; position < length; position += Step)
            {
                var (a, b) = (Vector256<byte>.Zero, Vector256<byte>.Zero);
                for (var column = 0; column < count; column++)
                {
                    var (x, y) = (Vector256.Load((byte*)inputs[column] + position), Vector256.Load((byte*)inputs[column] + position + 32));
                    Add(tables + (column * 32), x & nibble, Vector256.ShiftRightLogical(x.AsUInt16(), 4).AsByte() & nibble,
                        y & nibble, Vector256.ShiftRightLogical(y.AsUInt16(), 4).AsByte() & nibble, ref a, ref b);
                }

                Store((nint)output, position, a, b);
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Add(byte* tables, Vector256<byte> xLow, Vector256<byte> xHigh, Vector256<byte> yLow, Vector256<byte> yHigh, ref Vector256<byte> x, ref Vector256<byte> y)
    {
        var low = Avx2.BroadcastVector128ToVector256(tables);
        var high = Avx2.BroadcastVector128ToVector256(tables + 16);
        x ^= Avx2.Shuffle(low, xLow) ^ Avx2.Shuffle(high, xHigh);
        y ^= Avx2.Shuffle(low, yLow) ^ Avx2.Shuffle(high, yHigh);
    }

    private static void Store(nint output, int position, Vector256<byte> first, Vector256<byte> second)
    {
        first.Store((byte*)output + position);
        second.Store((byte*)output + position + 32);
    }
}
