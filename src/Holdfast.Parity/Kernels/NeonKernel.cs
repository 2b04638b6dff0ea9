using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;

namespace Holdfast.Parity.Kernels;

/// <summary>ARM: the nibble tables of <see cref="Avx2Kernel"/> by 16-byte table look-ups.</summary>
internal sealed unsafe class NeonKernel : IKernel
{
    private const int Step = 16;

    public static bool IsSupported => AdvSimd.Arm64.IsSupported;

    public string Name => "NEON";

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public void Multiply(Coefficients rows, ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, int length)
    {
        var vectors = length / Step * Step;
        for (var row = 0; row < outputs.Length; row++)
        {
            fixed (byte* tables = rows.Nibbles[row])
            {
                for (var position = 0; position < vectors; position += Step)
                {
                    var sum = Vector128<byte>.Zero;
                    for (var column = 0; column < inputs.Length; column++)
                    {
                        var input = Vector128.Load((byte*)inputs[column] + position);
                        sum ^= AdvSimd.Arm64.VectorTableLookup(Vector128.Load(tables + (column * 32)), input & Vector128.Create((byte)15))
                            ^ AdvSimd.Arm64.VectorTableLookup(Vector128.Load(tables + (column * 32) + 16), input >>> 4);
                    }

                    sum.Store((byte*)outputs[row] + position);
                }
            }
        }

        ScalarKernel.MultiplyFrom(rows, inputs, outputs, vectors, length);
    }
}
