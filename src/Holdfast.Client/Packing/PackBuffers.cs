using System.Threading.Channels;

namespace Holdfast.Client.Packing;

/// <summary>The few large buffers of a backup: one fills while others travel. Whoever wants one more waits, and memory stays bounded.</summary>
internal sealed class PackBuffers
{
    /// <summary>One fills while the other travels: sending a pack takes less time than filling one, unless the uplink is the limit anyway.</summary>
    public const int Count = 2;

    private readonly Channel<byte[]> _free = Channel.CreateUnbounded<byte[]>();
    private int _made;

    public ValueTask<byte[]> TakeAsync(CancellationToken cancellation)
    {
        if (_free.Reader.TryRead(out var buffer))
        {
            return ValueTask.FromResult(buffer);
        }

        return Interlocked.Increment(ref _made) <= Count
            ? ValueTask.FromResult(GC.AllocateUninitializedArray<byte>(PackDraft.BufferLength))
            : _free.Reader.ReadAsync(cancellation);
    }

    /// <summary>Lets go of all buffers once nothing is packed any more: what follows has their room.</summary>
    public void Release()
    {
        while (_free.Reader.TryRead(out _))
        {
            Interlocked.Decrement(ref _made);
        }

        // Two large buffers are worth one collection: otherwise what follows would come on top of them.
        GC.Collect();
    }

    public void Return(byte[] buffer) => _free.Writer.TryWrite(buffer);
}
