using System.Collections.Concurrent;
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
    private readonly ConcurrentDictionary<AccountId, AccountTurns> _accounts = new();
    private readonly Stack<byte[]> _free = new();

    public async Task<Lease> TakeAsync(AccountId account, int length, CancellationToken cancellation)
    {
        var own = _accounts.GetOrAdd(account, _ => new AccountTurns(ofAccountMax, smallCount / 2));
        try
        {
            return Interlocked.Increment(ref own.Waiting) <= WaitingOfAccountMax
                ? length <= smallLengthMax ? await TakeSmallAsync(own, length, cancellation) : await TakeLargeAsync(own, length, cancellation)
                : throw new HoldfastException(FailureTable.PodBusy, $"{WaitingOfAccountMax} uploads of this account wait already.");
        }
        finally
        {
            Interlocked.Decrement(ref own.Waiting);
        }
    }

    public void Dispose()
    {
        _turns.Dispose();
        _smallTurns.Dispose();
        foreach (var account in _accounts.Values)
        {
            account.Large.Dispose();
            account.Small.Dispose();
        }
    }

    private async Task<Lease> TakeSmallAsync(AccountTurns own, int length, CancellationToken cancellation)
    {
        await TakeBothAsync(own.Small, _smallTurns, cancellation);
        return new Lease(new byte[length], length, () =>
        {
            _smallTurns.Release();
            own.Small.Release();
        });
    }

    private async Task<Lease> TakeLargeAsync(AccountTurns own, int length, CancellationToken cancellation)
    {
        await TakeBothAsync(own.Large, _turns, cancellation);
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
            own.Large.Release();
        });
    }

    /// <summary>The account's own turn first: who waits for that holds up nobody else.</summary>
    private static async Task TakeBothAsync(SemaphoreSlim ofAccount, SemaphoreSlim ofAll, CancellationToken cancellation)
    {
        await ofAccount.WaitAsync(cancellation);
        try
        {
            await ofAll.WaitAsync(cancellation);
        }
        catch
        {
            ofAccount.Release();
            throw;
        }
    }

    private byte[] TakeFree()
    {
        lock (_free)
        {
            return _free.TryPop(out var free) ? free : GC.AllocateUninitializedArray<byte>(UsualLength);
        }
    }

    /// <summary>One account's turns.</summary>
    private sealed class AccountTurns(int large, int small)
    {
        public int Waiting;

        public SemaphoreSlim Large { get; } = new(large);

        public SemaphoreSlim Small { get; } = new(small);
    }

    /// <summary>One upload's memory.</summary>
    internal sealed class Lease(byte[] buffer, int length, Action giveBack) : IDisposable
    {
        public Memory<byte> Memory => buffer.AsMemory(0, length);

        public void Dispose() => giveBack();
    }
}
