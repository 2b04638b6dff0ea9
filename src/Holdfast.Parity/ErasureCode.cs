using System.Collections.Concurrent;
using Holdfast.Parity.Kernels;

namespace Holdfast.Parity;

/// <summary>A Reed–Solomon code: <see cref="Data"/> shards of data and <see cref="Parity"/> of parity, any <see cref="Data"/> of which give back all.</summary>
/// <remarks>
/// The matrix is that of Backblaze's open-source coder. A code with one data shard makes copies; one without parity only cuts.
/// Shards lie in memory one behind another at a stride that is an odd multiple of 64 bytes (<see cref="Stride"/>), so that they do not all fall into the
/// same cache set: 1.5 times as fast as aligned buffers when measured. Thread-safe: immutable.
/// </remarks>
public sealed unsafe class ErasureCode
{
    /// <summary>Shards of a code: one drive each.</summary>
    public const int ShardsMax = 32;

    private static readonly ConcurrentDictionary<(int, int), ErasureCode> _codes = new();

    private const int RowsKeptMax = 256;

    private readonly ConcurrentDictionary<string, Coefficients> _rows = new();
    private readonly byte[][] _matrix;
    private readonly IKernel _kernel;
    private readonly Coefficients _parityRows;

    internal ErasureCode(int data, int parity, IKernel kernel)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(data, 1);
        ArgumentOutOfRangeException.ThrowIfNegative(parity);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(data + parity, ShardsMax);
        Data = data;
        Parity = parity;
        _kernel = kernel;
        _matrix = CodingMatrix.Systematic(data, data + parity);
        _parityRows = new Coefficients(_matrix[data..]);
    }

    public int Data { get; }

    public int Parity { get; }

    public int Total => Data + Parity;

    /// <summary>The code for so many shards, with the fastest kernel of this processor.</summary>
    public static ErasureCode Of(int data, int parity) => _codes.GetOrAdd((data, parity), static key => new ErasureCode(key.Item1, key.Item2, KernelChoice.Fastest));

    /// <summary>What the fastest kernel of this processor is called.</summary>
    public static string KernelName => KernelChoice.Fastest.Name;

    /// <summary>Bytes of a shard of an object, all shards alike.</summary>
    public int ShardLength(long objectLength) => (int)((objectLength + Data - 1) / Data);

    /// <summary>The distance between shards in memory: room for <paramref name="shardLength"/> bytes, and staggered.</summary>
    public static int Stride(int shardLength)
    {
        var lines = (shardLength + 63) / 64;
        return (lines | 1) * 64;
    }

    /// <summary>Computes parity shards from data shards.</summary>
    /// <param name="shards">Addresses of all shards, data first; parity is written.</param>
    /// <param name="length">Bytes of each shard.</param>
    public void Encode(ReadOnlySpan<nint> shards, int length)
    {
        if (Parity == 0)
        {
            return;
        }

        _kernel.Multiply(_parityRows, shards[..Data], shards.Slice(Data, Parity), length);
    }

    /// <summary>Computes missing shards from any <see cref="Data"/> others.</summary>
    /// <param name="sources">Numbers of <see cref="Data"/> shards that are there.</param>
    /// <param name="sourceBytes">Their addresses.</param>
    /// <param name="wanted">Numbers of the shards to compute.</param>
    /// <param name="wantedBytes">Where to write them.</param>
    /// <param name="length">Bytes of each shard.</param>
    public void Reconstruct(ReadOnlySpan<int> sources, ReadOnlySpan<nint> sourceBytes, ReadOnlySpan<int> wanted, ReadOnlySpan<nint> wantedBytes, int length)
    {
        if (sources.Length != Data || sourceBytes.Length != Data || wanted.Length != wantedBytes.Length)
        {
            throw new ArgumentException($"{Data} shards give back the others, not {sources.Length}", nameof(sources));
        }

        if (wanted.IsEmpty)
        {
            return;
        }

        _kernel.Multiply(RowsFor(sources, wanted), sourceBytes, wantedBytes, length);
    }

    /// <summary>Inverting takes longer than a block: as long as the same drives are lost, the same rows are used.</summary>
    private Coefficients RowsFor(ReadOnlySpan<int> sources, ReadOnlySpan<int> wanted)
    {
        var key = string.Join(',', sources.ToArray()) + ":" + string.Join(',', wanted.ToArray());
        if (_rows.TryGetValue(key, out var known))
        {
            return known;
        }

        if (_rows.Count > RowsKeptMax)
        {
            _rows.Clear();
        }

        var matrix = _matrix;
        byte[][] have = [.. sources.ToArray().Select(shard => matrix[shard])];
        byte[][] want = [.. wanted.ToArray().Select(shard => matrix[shard])];
        return _rows[key] = new Coefficients(CodingMatrix.Multiply(want, CodingMatrix.Invert(have)));
    }
}
