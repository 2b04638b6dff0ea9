using Holdfast.Format.Objects;

namespace Holdfast.Client.Restoring;

/// <summary>Unpacks one frame into the buffer, or into a longer one if it does not fit; returns which, and the frame's length.</summary>
internal delegate Task<ReadOnlyMemory<byte>> LoadFrame(Address frame, byte[] buffer, CancellationToken cancellation);

/// <summary>Keeps the frames used last, unpacked: a fixed number of buffers, each loaded once however many wait for it.</summary>
internal sealed class FrameCache(LoadFrame load, int capacity)
{
    /// <summary>What this program writes fits; other frames, up to the format's limit, get memory of their own while they are kept.</summary>
    private const int BufferLength = Packing.FrameFiller.DataLength;

    private readonly Lock _lock = new();
    private readonly Dictionary<Address, Entry> _entries = [];
    private readonly LinkedList<Entry> _idle = new();
    private readonly Stack<byte[]> _buffers = new();
    private int _made;

    /// <summary>The frame's bytes, held until the lease is disposed of.</summary>
    public async ValueTask<Lease> TakeAsync(Address frame, CancellationToken cancellation)
    {
        Entry entry;
        lock (_lock)
        {
            if (!_entries.TryGetValue(frame, out var known))
            {
                known = new Entry(frame, TakeBuffer());
                _entries.Add(frame, known);
                known.Loading = LoadAsync(known, cancellation);
            }
            else if (known.Holders == 0)
            {
                _idle.Remove(known);
            }

            known.Holders++;
            entry = known;
        }

        try
        {
            return new Lease(this, entry, await entry.Loading.WaitAsync(cancellation));
        }
        catch
        {
            Release(entry, isBroken: true);
            throw;
        }
    }

    private Task<ReadOnlyMemory<byte>> LoadAsync(Entry entry, CancellationToken cancellation) => Task.Run(() => load(entry.Frame, entry.Buffer, cancellation), cancellation);

    private byte[] TakeBuffer()
    {
        if (_buffers.TryPop(out var buffer))
        {
            return buffer;
        }

        if (_made >= capacity && _idle.First is { } oldest)
        {
            _idle.RemoveFirst();
            _entries.Remove(oldest.Value.Frame);
            return oldest.Value.Buffer;
        }

        _made++;
        return GC.AllocateUninitializedArray<byte>(BufferLength);
    }

    private void Release(Entry entry, bool isBroken)
    {
        lock (_lock)
        {
            entry.IsBroken |= isBroken;
            if (--entry.Holders > 0)
            {
                return;
            }

            if (!entry.IsBroken)
            {
                _idle.AddLast(entry);
                return;
            }

            // Its loading may still write into the buffer, which is therefore given up.
            _entries.Remove(entry.Frame);
            _made--;
        }
    }

    internal sealed class Entry(Address frame, byte[] buffer)
    {
        public Address Frame => frame;

        public byte[] Buffer => buffer;

        public Task<ReadOnlyMemory<byte>> Loading { get; set; } = Task.FromResult(ReadOnlyMemory<byte>.Empty);

        public int Holders { get; set; }

        public bool IsBroken { get; set; }
    }

    /// <summary>A frame in memory.</summary>
    internal readonly struct Lease(FrameCache cache, Entry entry, ReadOnlyMemory<byte> bytes) : IDisposable
    {
        public ReadOnlyMemory<byte> Bytes => bytes;

        public void Dispose() => cache.Release(entry, isBroken: false);
    }
}
