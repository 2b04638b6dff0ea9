using Holdfast.Format.Accounts;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>What this computer remembers outside its cache, so that a server that hides or rolls back is noticed (format rule 14).</summary>
/// <remarks>It gives fork consistency, not freshness: a server that shows everybody the same old state is noticed only by the ages that are shown.</remarks>
public sealed class Memory
{
    private readonly string _path;
    private SeenState _seen;

    private Memory(string path, SeenState seen)
    {
        _path = path;
        _seen = seen;
    }

    /// <summary>True if nothing was remembered: a machine that recovers must look at the ages shown.</summary>
    public bool IsEmpty => _seen.LogSequence == 0;

    public static Memory Load(ComputerFolders folders)
    {
        var path = Path.Combine(folders.State, "seen.json");
        return new Memory(path, PrivateFile.TryRead(path, LocalJson.Default.SeenState) ?? new SeenState([], 0, []));
    }

    /// <summary>The log must be the one remembered, or that with more behind it.</summary>
    public void Check(AccountLog log)
    {
        if (_seen.LogSequence == 0)
        {
            return;
        }

        if (log.Sequence < _seen.LogSequence || !log.Statements[(int)_seen.LogSequence - 1].Hash.AsSpan().SequenceEqual(_seen.LogHash))
        {
            throw new HoldfastException(FailureTable.Tampered, $"The service shows an account log that does not contain the {_seen.LogSequence} statements this computer has seen.");
        }
    }

    /// <summary>Every computer's newest head must be the one remembered or a later one.</summary>
    public void Check(IReadOnlyDictionary<uint, Head> newest)
    {
        foreach (var (computer, seen) in _seen.Heads)
        {
            if (!newest.TryGetValue(computer, out var head) || head.Sequence < seen.Sequence
                || (head.Sequence == seen.Sequence && !head.Id.AsSpan().SequenceEqual(seen.Id)))
            {
                throw new HoldfastException(FailureTable.Tampered,
                    $"Snapshot {seen.Sequence} of computer {computer}, which this computer has seen, is missing or was replaced: the service rolled back or hides it.");
            }
        }
    }

    /// <summary>The remembered head must stand in a chain that is known whole.</summary>
    public void CheckChain(uint computer, IReadOnlyList<Head> chain)
    {
        if (_seen.Heads.TryGetValue(computer, out var seen)
            && (chain.Count < seen.Sequence || !chain[(int)seen.Sequence - 1].Id.AsSpan().SequenceEqual(seen.Id)))
        {
            throw new HoldfastException(FailureTable.Tampered, $"The snapshots of computer {computer} do not contain number {seen.Sequence} as this computer has seen it.");
        }
    }

    /// <summary>Heads of other computers that are newer than what was remembered: named in the next snapshot for siblings to compare.</summary>
    public List<HeadSighting> Changed(IReadOnlyDictionary<uint, Head> newest, uint self) =>
        [.. newest.Where(pair => pair.Key != self && (!_seen.Heads.TryGetValue(pair.Key, out var seen) || seen.Sequence < pair.Value.Sequence))
            .OrderBy(pair => pair.Key).Select(pair => new HeadSighting(pair.Key, pair.Value.Sequence, pair.Value.Id))];

    public void Save(AccountLog log, IReadOnlyDictionary<uint, Head> newest)
    {
        // Another command may have seen more meanwhile: what is later stays.
        var stored = PrivateFile.TryRead(_path, LocalJson.Default.SeenState) ?? _seen;
        var heads = newest.ToDictionary(pair => pair.Key, pair => new SeenHead(pair.Value.Sequence, pair.Value.Id));
        foreach (var (computer, head) in stored.Heads)
        {
            if (!heads.TryGetValue(computer, out var own) || own.Sequence < head.Sequence)
            {
                heads[computer] = head;
            }
        }

        _seen = stored.LogSequence > log.Sequence ? stored with { Heads = heads } : new SeenState(heads, log.Sequence, log.LastHash.ToArray());
        PrivateFile.Write(_path, _seen, LocalJson.Default.SeenState);
    }
}
