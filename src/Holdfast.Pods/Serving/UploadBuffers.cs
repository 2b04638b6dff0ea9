using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Serving;

/// <summary>A fixed number of buffers for objects in transit: uploads beyond that wait, so that memory is bounded whatever clients do.</summary>
/// <remarks>Small objects (heads, statements, map pages) have turns of their own, and one account can hold only some of the large ones.</remarks>
internal sealed class UploadBuffers(int count, int ofAccountMax, int smallCount, int smallLengthMax) : IDisposable
{
    /// <summary>Holds every usual pack; what is longer gets memory of its own while it holds a turn.</summary>
    public const int UsualLength = 17 << 20;

    /// <summary>Uploads of one account that wait for a turn; more are told to come again. Others do not notice.</summary>
    private const int WaitingOfAccountMax = 64;

    private readonly SemaphoreSlim _turns = new(count);
    private readonly SemaphoreSlim _smallTurns = new(smallCount);
    private readonly ConcurrentDictionary<AccountId, SemaphoreSlim> _accounts = new();
    private readonly Stack<byte[]> _free = new();
    private readonly ConcurrentDictionary<AccountId, StrongBox<int>> _waiting = new();

    public async Task<Lease> TakeAsync(AccountId account, int length, CancellationToken cancellation)
    {
        if (length <= smallLengthMax)
        {
            await _smallTurns.WaitAsync(cancellation);
            return new Lease(new byte[length], length, () => _smallTurns.Release());
        }

        var waiting = _waiting.GetOrAdd(account, _ => new StrongBox<int>());
        try
        {
            return Interlocked.Increment(ref waiting.Value) <= WaitingOfAccountMax
                ? await WaitAsync(account, length, cancellation) : throw new HoldfastException(FailureTable.PodBusy, $"{WaitingOfAccountMax} uploads of this account wait already.");
        }
        finally
        {
            Interlocked.Decrement(ref waiting.Value);
        }
    }

    private async Task<Lease> WaitAsync(AccountId account, int length, CancellationToken cancellation)
    {
        var ofAccount = _accounts.GetOrAdd(account, _ => new SemaphoreSlim(ofAccountMax));
        await ofAccount.WaitAsync(cancellation);
        try
        {
            await _turns.WaitAsync(cancellation);
        }
        catch
        {
            ofAccount.Release();
            throw;
        }

        var buffer = length > UsualLength ? GC.AllocateUninitializedArray<byte>(length) : TakeFree();
        return new Lease(buffer, length, () =>
        {
            if (buffer.Length == UsualLength)
            {
                lock (_free)
                {
                    _free.Push(buffer);
                }
            }

            _turns.Release();
            ofAccount.Release();
        });
    }

    public void Dispose()
    {
        _turns.Dispose();
        _smallTurns.Dispose();
        foreach (var turns in _accounts.Values)
        {
            turns.Dispose();
        }
    }

    private byte[] TakeFree()
    {
        lock (_free)
        {
            return _free.TryPop(out var free) ? free : GC.AllocateUninitializedArray<byte>(UsualLength);
        }
    }

    /// <summary>One upload's memory.</summary>
    internal sealed class Lease(byte[] buffer, int length, Action giveBack) : IDisposable
    {
        public Memory<byte> Memory => buffer.AsMemory(0, length);

        public void Dispose() => giveBack();
    }
}
