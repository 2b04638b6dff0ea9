namespace Holdfast.Pods.Serving;

/// <summary>A fixed number of buffers for objects in transit: uploads beyond that wait, so that memory is bounded whatever clients do.</summary>
internal sealed class UploadBuffers(int count) : IDisposable
{
    /// <summary>Holds every usual pack; what is longer gets memory of its own while it holds a turn.</summary>
    public const int UsualLength = 18 << 20;

    private readonly SemaphoreSlim _turns = new(count);
    private readonly Stack<byte[]> _free = new();

    public async Task<Lease> TakeAsync(int length, CancellationToken cancellation)
    {
        await _turns.WaitAsync(cancellation);
        if (length > UsualLength)
        {
            return new Lease(this, GC.AllocateUninitializedArray<byte>(length), length, isPooled: false);
        }

        lock (_free)
        {
            var buffer = _free.TryPop(out var free) ? free : GC.AllocateUninitializedArray<byte>(UsualLength);
            return new Lease(this, buffer, length, isPooled: true);
        }
    }

    public void Dispose() => _turns.Dispose();

    /// <summary>One upload's memory.</summary>
    internal sealed class Lease(UploadBuffers owner, byte[] buffer, int length, bool isPooled) : IDisposable
    {
        public Memory<byte> Memory => buffer.AsMemory(0, length);

        public void Dispose()
        {
            if (isPooled)
            {
                lock (owner._free)
                {
                    owner._free.Push(buffer);
                }
            }

            owner._turns.Release();
        }
    }
}
