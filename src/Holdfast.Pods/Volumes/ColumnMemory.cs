using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Holdfast.Parity;

namespace Holdfast.Pods.Volumes;

/// <summary>Memory for one column of blocks: one of each shard, staggered for the coder. Used again and again: touching new memory takes as long as coding.</summary>
internal sealed unsafe class ColumnMemory : IDisposable
{
    private const int KeptMax = 8;

    private static readonly int _stride = ErasureCode.Stride(VolumeLayout.BlockLength);
    private static readonly ConcurrentBag<nint> _free = [];

    private readonly nint _memory = _free.TryTake(out var free) ? free : (nint)NativeMemory.AlignedAlloc((nuint)(_stride * ErasureCode.ShardsMax), 64);

    /// <summary>The address of one block.</summary>
    public nint Block(int index) => _memory + (index * _stride);

    public Span<byte> Span(int index, int length) => new((byte*)Block(index), length);

    public void Dispose()
    {
        if (_free.Count < KeptMax)
        {
            _free.Add(_memory);
        }
        else
        {
            NativeMemory.AlignedFree((void*)_memory);
        }
    }
}
