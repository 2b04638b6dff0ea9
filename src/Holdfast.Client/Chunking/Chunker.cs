using System.Buffers.Binary;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Format;

namespace Holdfast.Client.Chunking;

/// <summary>Cuts data where its content says, so that an edit moves few cuts: a cheap filter finds candidates, a strong check decides.</summary>
/// <remarks>
/// Filter, at each position i: the 16-bit value u16(i-3) × C1 + u16(i-1) × C2 + K has its top nine bits zero (one position in 512).
/// Check, of the 32 bytes that end there: h = 0; for each u64 w: h = rotl(h ^ w, 29) × M; cut if h is below a threshold that rises at the mean
/// (normalised chunking: Xia et al., FastCDC, USENIX ATC 2016). C1, C2, K, M come from the group's chunker key; K lets no constant byte pass.
/// A chunk with more than <see cref="CandidatesMax"/> candidates is cut at its largest length, which bounds what hostile data can cost.
/// Cuts depend only on the key and on the bytes since the last cut. Thread-safe: immutable.
/// </remarks>
public sealed class Chunker
{
    public const int LengthMin = 16 << 10;
    public const int LengthMean = 64 << 10;
    public const int LengthMax = Limits.ChunkLengthMax;

    /// <summary>Eight times what random data has in the longest chunk.</summary>
    private const int CandidatesMax = 4096;

    private const int FilterMask = 0xFF80;

    // Per candidate (one in 512 bytes): one in 256 before the mean, one in 48 behind it.
    private const ulong ThresholdBefore = ulong.MaxValue / 256;
    private const ulong ThresholdBehind = ulong.MaxValue / 48;

    private readonly ushort _c1;
    private readonly ushort _c2;
    private readonly ushort _k;
    private readonly ulong _m;

    public Chunker(ReadOnlySpan<byte> chunkerKey)
    {
        Span<byte> stream = stackalloc byte[512];
        HKDF.Expand(HashAlgorithmName.SHA256, chunkerKey, stream, Encoding.ASCII.GetBytes("holdfast v1 cut points"));
        _c1 = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(stream) | 1);
        _c2 = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(stream[2..]) | 1);
        _m = BinaryPrimitives.ReadUInt64LittleEndian(stream[8..]) | 1;
        for (var offset = 16; ; offset = (offset + 2) % stream.Length)
        {
            _k = (ushort)(BinaryPrimitives.ReadUInt16LittleEndian(stream[offset..]) + offset);
            if (!PassesSomeConstant())
            {
                return;
            }
        }
    }

    /// <summary>The length of the first chunk of <paramref name="data"/>, which begins at the last cut and holds <see cref="LengthMax"/> bytes or all there are.</summary>
    public int NextCut(ReadOnlySpan<byte> data) => Cut(data, Scan);

    /// <summary>The cut behind a position in [from, to), or 0. Optimised from the first call on: vector code is not compiled before.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private int Scan(ReadOnlySpan<byte> data, int from, int to, ulong threshold, ref int candidates)
    {
        ref var start = ref MemoryMarshal.GetReference(data);
        var c1 = Vector256.Create(_c1);
        var c2 = Vector256.Create(_c2);
        var k = Vector256.Create(_k);
        var mask = Vector256.Create((ushort)FilterMask);
        var position = from;

        // 32 positions at a time; the loads reach from position - 3 to position + 31.
        for (; position + 32 <= to && position + 33 <= data.Length; position += 32)
        {
            var even = (Load(ref start, position - 3) * c1) + (Load(ref start, position - 1) * c2) + k;
            var odd = (Load(ref start, position - 2) * c1) + (Load(ref start, position) * c2) + k;
            var evenHits = Vector256.Equals(even & mask, Vector256<ushort>.Zero);
            var oddHits = Vector256.Equals(odd & mask, Vector256<ushort>.Zero);
            if ((evenHits | oddHits) == Vector256<ushort>.Zero)
            {
                continue;
            }

            var bits = Interleave(evenHits.ExtractMostSignificantBits(), oddHits.ExtractMostSignificantBits());
            while (bits != 0)
            {
                var candidate = position + BitOperations.TrailingZeroCount(bits);
                bits &= bits - 1;
                if (++candidates > CandidatesMax)
                {
                    return Math.Min(data.Length, LengthMax);
                }

                if (Check(data, candidate) < threshold)
                {
                    return candidate + 1;
                }
            }
        }

        return ScanScalar(data, position, to, threshold, ref candidates);
    }

    /// <summary>The same by single bytes: the end of a span, and the reference that tests compare with.</summary>
    private int ScanScalar(ReadOnlySpan<byte> data, int from, int to, ulong threshold, ref int candidates)
    {
        for (var position = from; position < to; position++)
        {
            var value = (ushort)((BinaryPrimitives.ReadUInt16LittleEndian(data[(position - 3)..]) * _c1)
                + (BinaryPrimitives.ReadUInt16LittleEndian(data[(position - 1)..]) * _c2) + _k);
            if ((value & FilterMask) != 0)
            {
                continue;
            }

            if (++candidates > CandidatesMax)
            {
                return Math.Min(data.Length, LengthMax);
            }

            if (Check(data, position) < threshold)
            {
                return position + 1;
            }
        }

        return 0;
    }

    /// <summary>The reference of <see cref="NextCut"/>, without vectors.</summary>
    internal int NextCutScalar(ReadOnlySpan<byte> data) => Cut(data, ScanScalar);

    private delegate int Scanning(ReadOnlySpan<byte> data, int from, int to, ulong threshold, ref int candidates);

    private static int Cut(ReadOnlySpan<byte> data, Scanning scan)
    {
        if (data.Length <= LengthMin)
        {
            return data.Length;
        }

        var end = Math.Min(data.Length, LengthMax);
        var middle = Math.Min(end, LengthMean);
        var candidates = 0;
        var cut = scan(data, LengthMin, middle, ThresholdBefore, ref candidates);
        if (cut == 0)
        {
            cut = scan(data, middle, end, ThresholdBehind, ref candidates);
        }

        return cut == 0 ? end : cut;
    }

    private ulong Check(ReadOnlySpan<byte> data, int position)
    {
        var window = data.Slice(position - 31, 32);
        var hash = 0UL;
        for (var i = 0; i < 32; i += 8)
        {
            hash = BitOperations.RotateLeft(hash ^ BinaryPrimitives.ReadUInt64LittleEndian(window[i..]), 29) * _m;
        }

        // A multiplication leaves its best bits on top, which is where the comparison looks.
        return hash;
    }

    private bool PassesSomeConstant()
    {
        for (var value = 0; value < 256; value++)
        {
            var word = value * 257;
            if (((ushort)((word * _c1) + (word * _c2) + _k) & FilterMask) == 0)
            {
                return true;
            }
        }

        return false;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<ushort> Load(ref byte start, int offset) =>
        Vector256.LoadUnsafe(ref Unsafe.Add(ref start, offset)).AsUInt16();

    /// <summary>Bit 2 i from <paramref name="even"/>'s bit i, bit 2 i + 1 from <paramref name="odd"/>'s: sixteen bits each.</summary>
    private static uint Interleave(uint even, uint odd) => Spread(even) | (Spread(odd) << 1);

    private static uint Spread(uint x)
    {
        x = (x | (x << 8)) & 0x00FF00FF;
        x = (x | (x << 4)) & 0x0F0F0F0F;
        x = (x | (x << 2)) & 0x33333333;
        return (x | (x << 1)) & 0x55555555;
    }
}
