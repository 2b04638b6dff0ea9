namespace Holdfast.Parity;

/// <summary>Matrices over GF(2^8), rows of bytes.</summary>
internal static class CodingMatrix
{
    /// <summary>
    /// The systematic Vandermonde matrix of a code: row r of the Vandermonde matrix is r^0, r^1, …; it is multiplied by the inverse of its own top square, so that
    /// the first <paramref name="data"/> rows are the identity and any <paramref name="data"/> rows can be inverted (Plank 1997, with the 2003 correction).
    /// </summary>
    public static byte[][] Systematic(int data, int total)
    {
        var vandermonde = Enumerable.Range(0, total).Select(row => Enumerable.Range(0, data).Select(column => GaloisField.Power((byte)row, column)).ToArray()).ToArray();
        return Multiply(vandermonde, Invert(vandermonde[..data]));
    }

    public static byte[][] Multiply(byte[][] left, byte[][] right) => [.. left.Select(row => Enumerable.Range(0, right[0].Length).Select(column =>
    {
        byte sum = 0;
        for (var i = 0; i < row.Length; i++)
        {
            sum ^= GaloisField.Multiply(row[i], right[i][column]);
        }

        return sum;
    }).ToArray())];

    /// <summary>Gauss and Jordan; a singular matrix is an <see cref="ArgumentException"/>.</summary>
    public static byte[][] Invert(byte[][] matrix)
    {
        var size = matrix.Length;
        var work = matrix.Select((row, index) => row.Concat(Enumerable.Range(0, size).Select(column => column == index ? (byte)1 : (byte)0)).ToArray()).ToArray();
        for (var pivot = 0; pivot < size; pivot++)
        {
            var found = Array.FindIndex(work, pivot, row => row[pivot] != 0);
            if (found < 0)
            {
                throw new ArgumentException("the matrix is singular", nameof(matrix));
            }

            (work[pivot], work[found]) = (work[found], work[pivot]);
            Scale(work[pivot], GaloisField.Invert(work[pivot][pivot]));
            for (var row = 0; row < size; row++)
            {
                if (row != pivot)
                {
                    Subtract(work[row], work[pivot], work[row][pivot]);
                }
            }
        }

        return [.. work.Select(row => row[size..])];
    }

    private static void Scale(byte[] row, byte factor)
    {
        for (var i = 0; i < row.Length; i++)
        {
            row[i] = GaloisField.Multiply(row[i], factor);
        }
    }

    private static void Subtract(byte[] row, byte[] other, byte factor)
    {
        for (var i = 0; i < row.Length; i++)
        {
            row[i] ^= GaloisField.Multiply(other[i], factor);
        }
    }
}
