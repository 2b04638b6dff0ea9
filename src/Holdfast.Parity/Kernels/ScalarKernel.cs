namespace Holdfast.Parity.Kernels;

/// <summary>The reference: one byte at a time by tables. It also finishes what vectors leave.</summary>
internal sealed unsafe class ScalarKernel : IKernel
{
    public string Name => "scalar";

    public void Multiply(Coefficients rows, ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, int length) => MultiplyFrom(rows, inputs, outputs, 0, length);

    /// <summary>The bytes from <paramref name="start"/> on.</summary>
    public static void MultiplyFrom(Coefficients rows, ReadOnlySpan<nint> inputs, ReadOnlySpan<nint> outputs, int start, int length)
    {
        for (var row = 0; row < outputs.Length; row++)
        {
            var output = (byte*)outputs[row];
            new Span<byte>(output + start, length - start).Clear();
            for (var column = 0; column < inputs.Length; column++)
            {
                var table = rows.Nibbles[row].AsSpan(column * 32, 32);
                var input = (byte*)inputs[column];
                for (var i = start; i < length; i++)
                {
                    output[i] ^= (byte)(table[input[i] & 15] ^ table[16 + (input[i] >> 4)]);
                }
            }
        }
    }
}
