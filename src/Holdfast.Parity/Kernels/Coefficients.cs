namespace Holdfast.Parity.Kernels;

/// <summary>Rows of coefficients, and what kernels need of them: made once for each matrix.</summary>
internal sealed class Coefficients
{
    public Coefficients(byte[][] rows)
    {
        Rows = rows;
        Columns = rows.Length == 0 ? 0 : rows[0].Length;
        Affine = [.. rows.Select(row => row.Select(AffineOf).ToArray())];
        Nibbles = [.. rows.Select(row => row.SelectMany(NibblesOf).ToArray())];
    }

    public byte[][] Rows { get; }

    public int Columns { get; }

    /// <summary>Multiplication by a constant as an 8 × 8 bit matrix, as GF2P8AFFINEQB takes it: it works for any polynomial.</summary>
    public ulong[][] Affine { get; }

    /// <summary>32 bytes for each coefficient: its products with 0…15, and with 0, 16 … 240.</summary>
    public byte[][] Nibbles { get; }

    private static ulong AffineOf(byte coefficient)
    {
        var matrix = 0UL;
        for (var column = 0; column < 8; column++)
        {
            var product = GaloisField.Multiply(coefficient, (byte)(1 << column));
            for (var row = 0; row < 8; row++)
            {
                if ((product >> row & 1) != 0)
                {
                    // Row i of the result is in byte 7 - i.
                    matrix |= 1UL << (((7 - row) * 8) + column);
                }
            }
        }

        return matrix;
    }

    private static IEnumerable<byte> NibblesOf(byte coefficient) =>
        Enumerable.Range(0, 16).Select(low => GaloisField.Multiply(coefficient, (byte)low))
            .Concat(Enumerable.Range(0, 16).Select(high => GaloisField.Multiply(coefficient, (byte)(high << 4))));
}
