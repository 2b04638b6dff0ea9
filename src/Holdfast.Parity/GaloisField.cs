namespace Holdfast.Parity;

/// <summary>GF(2^8) with the polynomial x^8 + x^4 + x^3 + x^2 + 1 (0x11D), generator 2: the field of Backblaze's and Intel's coders.</summary>
public static class GaloisField
{
    public const int Polynomial = 0x11D;

    private static readonly byte[] _exponentials = new byte[510];
    private static readonly byte[] _logarithms = new byte[256];

    static GaloisField()
    {
        var value = 1;
        for (var power = 0; power < 255; power++)
        {
            _exponentials[power] = _exponentials[power + 255] = (byte)value;
            _logarithms[value] = (byte)power;
            value <<= 1;
            value = value > 255 ? value ^ Polynomial : value;
        }
    }

    public static byte Multiply(byte a, byte b) => a == 0 || b == 0 ? (byte)0 : _exponentials[_logarithms[a] + _logarithms[b]];

    /// <summary>The element that <paramref name="a"/> times gives 1; zero has none.</summary>
    public static byte Invert(byte a) => a != 0 ? _exponentials[255 - _logarithms[a]] : throw new DivideByZeroException("zero has no inverse");

    public static byte Power(byte a, int exponent) => exponent == 0 ? (byte)1 : a == 0 ? (byte)0 : _exponentials[_logarithms[a] * exponent % 255];
}
