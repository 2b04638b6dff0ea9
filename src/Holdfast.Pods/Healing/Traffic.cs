namespace Holdfast.Pods.Healing;

/// <summary>Lets background work give way to customers: between two pieces it waits while somebody is served, but never so long that it would not end.</summary>
internal sealed class Traffic(TimeProvider time)
{
    private const int WaitsMax = 20;
    private static readonly TimeSpan _wait = TimeSpan.FromMilliseconds(10);

    private int _active;

    /// <summary>Somebody is served until the result is disposed of.</summary>
    public Serving Begin()
    {
        Interlocked.Increment(ref _active);
        return new Serving(this);
    }

    public async Task GiveWayAsync(CancellationToken cancellation)
    {
        for (var waits = 0; waits < WaitsMax && Volatile.Read(ref _active) > 0; waits++)
        {
            await Task.Delay(_wait, time, cancellation);
        }
    }

    internal readonly struct Serving(Traffic traffic) : IDisposable
    {
        public void Dispose() => Interlocked.Decrement(ref traffic._active);
    }
}
