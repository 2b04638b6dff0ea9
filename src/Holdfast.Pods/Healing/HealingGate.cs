namespace Holdfast.Pods.Healing;

/// <summary>One piece of healing at a time; what cannot wait for the end of one breaks it off, and it is begun again behind that.</summary>
internal sealed class HealingGate : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private volatile CancellationTokenSource _interrupt = new();

    /// <summary>Runs a piece of work while nothing else heals. It is given a token that ends it early; then it has another turn.</summary>
    public async Task<T> AloneAsync<T>(Func<CancellationToken, Task<T>> work, CancellationToken cancellation)
    {
        while (true)
        {
            await _gate.WaitAsync(cancellation);
            var interrupt = _interrupt.Token;
            try
            {
                using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, interrupt);
                either.Token.ThrowIfCancellationRequested();
                return await work(either.Token);
            }
            catch (OperationCanceledException) when (interrupt.IsCancellationRequested && !cancellation.IsCancellationRequested)
            {
                // Begun again behind whoever interrupted.
            }
            finally
            {
                _gate.Release();
            }
        }
    }

    /// <summary>Runs something while nothing heals, soon: what is under way is broken off. One caller at a time; if it gives up waiting, healing goes on as before.</summary>
    public async Task InterruptAsync(Func<Task> work, CancellationToken cancellation)
    {
        // In line first: whoever is broken off lines up behind.
        var turn = _gate.WaitAsync(cancellation);
        var interrupt = _interrupt;
        await interrupt.CancelAsync();
        try
        {
            await turn;
            try
            {
                await work();
            }
            finally
            {
                _interrupt = new CancellationTokenSource();
                _gate.Release();
            }
        }
        finally
        {
            if (_interrupt == interrupt)
            {
                _interrupt = new CancellationTokenSource();
            }
        }
    }

    public void Dispose()
    {
        _interrupt.Dispose();
        _gate.Dispose();
    }
}
