using Holdfast.Client.Computers;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Connecting;

/// <summary>What the service shows of the account, proved against what this computer pins and remembers before anything else is done.</summary>
public sealed class AccountView
{
    private AccountView(AccountLog log, Memory memory)
    {
        Log = log;
        Memory = memory;
    }

    public AccountLog Log { get; }

    public Memory Memory { get; }

    /// <summary>Fetches and verifies the account log: the pinned root signed all of it, and nothing that was seen is gone.</summary>
    public static async Task<AccountView> LoadAsync(ServiceClient service, Computer computer, Memory memory, CancellationToken cancellation)
    {
        var statements = await service.GetLogAsync(cancellation);
        var log = Verified(() => AccountLog.Verify(statements.Select(bytes => (ReadOnlyMemory<byte>)bytes), computer.RootKey));
        if (log.Account != computer.Account)
        {
            throw new HoldfastException(FailureTable.Tampered, "The service shows another account's log.");
        }

        memory.Check(log);
        return log.Computers.TryGetValue(computer.Number, out var own) && !own.IsRevoked
            ? new AccountView(log, memory)
            : throw new HoldfastException(FailureTable.TokenInvalid, "This computer was revoked.");
    }

    /// <summary>The same for whoever opens the account with the operator's escrow key, and is no computer of it: its root is pinned by what was seen of the log before.</summary>
    public static async Task<AccountView> LoadAsReaderAsync(ServiceClient service, Format.Objects.AccountId account, Memory memory, CancellationToken cancellation)
    {
        var statements = await service.GetLogAsync(cancellation);
        var log = Verified(() => AccountLog.Verify(statements.Select(bytes => (ReadOnlyMemory<byte>)bytes)));
        if (log.Account != account)
        {
            throw new HoldfastException(FailureTable.Tampered, "The service shows another account's log.");
        }

        memory.Check(log);
        return new AccountView(log, memory);
    }

    /// <summary>Heads that their computers signed; anything else is tampering.</summary>
    public Head Verify(byte[] bytes) => Verified(() =>
    {
        var head = Head.Parse(bytes);
        return head.Account == Log.Account && Log.Computers.TryGetValue(head.Computer, out var computer) && head.IsSignedBy(computer.SigningKey.Span)
            ? head
            : throw new MalformedObjectException("head", $"snapshot {head.Sequence} of computer {head.Computer} is not signed by that computer");
    });

    /// <summary>The newest head of each computer, checked against what was seen before.</summary>
    public IReadOnlyDictionary<uint, Head> VerifyNewest(IEnumerable<byte[]> heads)
    {
        var newest = heads.Select(Verify).GroupBy(head => head.Computer).ToDictionary(group => group.Key, group => group.MaxBy(head => head.Sequence)!);
        Memory.Check(newest);
        return newest;
    }

    /// <summary>All chains, each whole from its first snapshot on; oldest first within each.</summary>
    public IReadOnlyDictionary<uint, List<Head>> VerifyChains(IEnumerable<byte[]> heads)
    {
        var chains = heads.Select(Verify).GroupBy(head => head.Computer).ToDictionary(group => group.Key, group => group.OrderBy(head => head.Sequence).ToList());
        foreach (var (computer, chain) in chains)
        {
            for (var i = 0; i < chain.Count; i++)
            {
                var previous = i == 0 ? new byte[32] : chain[i - 1].Id;
                if (chain[i].Sequence != i + 1 || !chain[i].Previous.Span.SequenceEqual(previous))
                {
                    throw new HoldfastException(FailureTable.Tampered, $"Snapshot {i + 1} of computer {computer} is missing from what the service shows.");
                }
            }
        }

        Memory.Check(chains.ToDictionary(pair => pair.Key, pair => pair.Value[^1]));
        foreach (var (computer, chain) in chains)
        {
            Memory.CheckChain(computer, chain);
        }

        return chains;
    }

    /// <summary>Bytes from the service that break the format are tampering, unless they are only newer.</summary>
    public static T Verified<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(exception.IsNewer ? FailureTable.NewerVersion : FailureTable.Tampered, exception.Message, exception);
        }
    }
}
