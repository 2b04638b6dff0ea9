using System.Collections.Concurrent;
using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Pods.Serving;

/// <summary>A fixed number of buffers for objects in transit: uploads beyond that wait, so that memory is bounded whatever clients do.</summary>
/// <remarks>Small objects (heads, statements, map pages) have turns of their own, and one account can hold only some of the large ones.</remarks>
internal sealed class UploadBuffers(int count, int ofAccountMax, int smallCount, int smallLengthMax, TimeProvider time) : IDisposable
{
    /// <summary>Holds every usual pack; what is longer gets memory of its own while it holds a turn.</summary>
    public const int UsualLength = 17 << 20;

    /// <summary>Uploads of one account that wait for a turn; more are told to come again. Others do not notice.</summary>
    private const int WaitingOfAccountMax = 64;

    /// <summary>Uploads of all that wait for a turn.</summary>
    private const int WaitingMax = 1024;

    // Whoever restores uploads nothing.
    private readonly WorkTurns<AccountId> _turns = new(new Slots(() => count, restoreShare: 0), WaitingMax, time);
    private readonly WorkTurns<AccountId> _smallTurns = new(new Slots(() => smallCount, restoreShare: 0), WaitingMax, time);
    private readonly ConcurrentDictionary<AccountId, AccountTurns> _accounts = new();
    private readonly Stack<byte[]> _free = new();

    /// <summary>How large uploads get through.</summary>
    public PodPressure Pressure
    {
        get
        {
            var (limit, inFlight, wait) = _turns.Pressure;
            return new PodPressure(limit, inFlight, wait.TotalMilliseconds);
        }
    }

    /// <summary>Waits for memory.</summary>
    /// <param name="workClass">What it is for.</param>
    /// <param name="account">Whose upload it is.</param>
    /// <param name="length">Its bytes.</param>
    /// <param name="cancellation">Ends waiting: the client has gone.</param>
    /// <param name="weight">Its account's share beside others.</param>
    public async Task<Lease> TakeAsync(WorkClass workClass, AccountId account, int length, CancellationToken cancellation, int weight = 1)
    {
        // Turns are given by cost: who has a share of two pays half.
        var turn = new Wanted(workClass, account, Math.Max(1, length / Math.Max(1, weight)));
        var own = _accounts.GetOrAdd(account, _ => new AccountTurns(ofAccountMax, smallCount / 2));
        try
        {
            return Interlocked.Increment(ref own.Waiting) <= WaitingOfAccountMax
                ? length <= smallLengthMax ? await TakeSmallAsync(own, turn, length, cancellation) : await TakeLargeAsync(own, turn, length, cancellation)
                : throw new HoldfastException(FailureTable.PodBusy, $"{WaitingOfAccountMax} uploads of this account wait already.");
        }
        finally
        {
            Interlocked.Decrement(ref own.Waiting);
        }
    }

    public void Dispose()
    {
        foreach (var account in _accounts.Values)
        {
            account.Large.Dispose();
            account.Small.Dispose();
        }
    }

    private async Task<Lease> TakeSmallAsync(AccountTurns own, Wanted turn, int length, CancellationToken cancellation)
    {
        await TakeBothAsync(own.Small, _smallTurns, turn, cancellation);
        return new Lease(new byte[length], length, () =>
        {
            _smallTurns.Return(turn.Class);
            own.Small.Release();
        });
    }

    private async Task<Lease> TakeLargeAsync(AccountTurns own, Wanted turn, int length, CancellationToken cancellation)
    {
        await TakeBothAsync(own.Large, _turns, turn, cancellation);
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

            _turns.Return(turn.Class);
            own.Large.Release();
        });
    }

    /// <summary>The account's own turn first: who waits for that holds up nobody else.</summary>
    private static async Task TakeBothAsync(SemaphoreSlim ofAccount, WorkTurns<AccountId> ofAll, Wanted turn, CancellationToken cancellation)
    {
        await ofAccount.WaitAsync(cancellation);
        try
        {
            if (!await ofAll.TryTakeAsync(turn.Class, turn.Account, turn.Cost, cancellation))
            {
                throw new HoldfastException(FailureTable.PodBusy, "As many uploads wait as the pod takes.");
            }
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

    private sealed record Wanted(WorkClass Class, AccountId Account, int Cost);

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
