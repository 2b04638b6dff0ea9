using System.Diagnostics;
using System.Runtime.InteropServices;
using Holdfast.Parity;
using Holdfast.Parity.Kernels;

namespace Holdfast.Bench.Pods;

/// <summary>17+3 over shards of 64 KiB: each kernel against Debian's ISA-L, in cache and from memory.</summary>
internal sealed unsafe class CodingRace
{
    private const int Data = 17;
    private const int Parity = 3;
    private const int Length = 64 << 10;
    private const int Sets = 160;
    private static readonly TimeSpan _time = TimeSpan.FromMilliseconds(250);

    private readonly int _stride = ErasureCode.Stride(Length);
    private readonly byte* _memory;
    private readonly byte* _tables = (byte*)NativeMemory.AlignedAlloc(32 * Data * Parity, 64);

    public CodingRace()
    {
        var length = (nuint)((long)_stride * (Data + Parity) * Sets);
        _memory = (byte*)NativeMemory.AlignedAlloc(length, 64);
        var random = new Random(1);
        for (nuint at = 0; at < length; at += 1 << 20)
        {
            random.NextBytes(new Span<byte>(_memory + at, (int)Math.Min(1 << 20, length - at)));
        }

        var matrix = CodingMatrix.Systematic(Data, Data + Parity)[Data..].SelectMany(row => row).ToArray();
        fixed (byte* rows = matrix)
        {
            ec_init_tables(Data, Parity, rows, _tables);
        }
    }

    public void Run(Action<string, double> keep)
    {
        var isal = Measure(1, IsalEncode);
        var isalMemory = Measure(Sets, IsalEncode);
        foreach (var kernel in KernelChoice.Supported)
        {
            var code = new ErasureCode(Data, Parity, kernel);
            void Encode(nint[] shards) => code.Encode(shards, Length);
            var cached = Measure(1, Encode);
            keep(kernel.Name == "AVX2" ? "rs-avx2/isal" : kernel.Name == "scalar" ? "rs-scalar/isal" : "rs-encode/isal", cached / isal);
            if (kernel == KernelChoice.Fastest)
            {
                keep("rs-encode/isal from memory", Measure(Sets, Encode) / isalMemory);
                int[] sources = [.. Enumerable.Range(3, Data)];
                keep("rs-decode/encode", Measure(1, shards => code.Reconstruct(sources, shards.AsSpan(3, Data), [0, 1, 2], shards.AsSpan(0, 3), Length)) / cached);
            }
        }
    }

    /// <summary>Bytes of data coded in a second.</summary>
    private double Measure(int sets, Action<nint[]> encode)
    {
        var shards = Enumerable.Range(0, sets).Select(set => Enumerable.Range(0, Data + Parity).Select(shard => (nint)(_memory + (((long)set * (Data + Parity)) + shard) * _stride)).ToArray()).ToArray();
        var done = 0L;
        for (var started = Stopwatch.GetTimestamp(); ;)
        {
            foreach (var set in shards)
            {
                encode(set);
                done++;
            }

            if (Stopwatch.GetElapsedTime(started) is var elapsed && elapsed > _time)
            {
                return done * (double)Data * Length / elapsed.TotalSeconds;
            }
        }
    }

    private void IsalEncode(nint[] shards)
    {
        fixed (nint* pointers = shards)
        {
            ec_encode_data(Length, Data, Parity, _tables, (byte**)pointers, (byte**)(pointers + Data));
        }
    }

    [DllImport("libisal.so.2")]
    private static extern void ec_init_tables(int data, int rows, byte* matrix, byte* tables);

    [DllImport("libisal.so.2")]
    private static extern void ec_encode_data(int length, int data, int rows, byte* tables, byte** inputs, byte** outputs);
}
