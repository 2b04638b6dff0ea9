using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Rebuilding;

/// <summary>What is known of an account while it is rebuilt; does not grow with its packs or snapshots.</summary>
internal sealed class AccountDraft(AccountId account)
{
    private const int TroublesMax = 1000;

    private readonly List<string> _troubles = [];
    private readonly HashSet<uint> _revoked = [];
    private readonly HashSet<(uint Computer, ulong Sequence)> _deleted = [];

    public AccountId Account { get; } = account;

    public AccountLog Log { get; set; } = AccountLog.Verify([]);

    /// <summary>Statements of the log that the pod has; others are known from an older copy of the rows only.</summary>
    public HashSet<ulong> StatementsOnPod { get; } = [];

    /// <summary>The account's version when this reading began: rows that are older then are not what it wrote.</summary>
    public long Before { get; set; }

    /// <summary>True if statements are missing: nothing can be added to the log, and so nobody can be let in anew.</summary>
    public bool IsLogDamaged { get; set; }

    public List<byte[]> Keyrings { get; } = [];

    public int Snapshots { get; set; }

    public long Objects { get; set; }

    public long Bytes { get; set; }

    public IReadOnlyList<string> Troubles => _troubles;

    /// <summary>The highest number of the account's counter that anything mentions.</summary>
    public uint HighestNumber { get; private set; }

    public uint HighestComputer { get; private set; }

    public void SawNumber(uint number) => HighestNumber = Math.Max(HighestNumber, number);

    public void SawComputer(uint computer) => HighestComputer = Math.Max(HighestComputer, computer);

    /// <summary>A revocation or a deletion that the root signed, behind a hole in the log.</summary>
    public void TakeAway(Statement statement)
    {
        switch (statement.Kind)
        {
            case StatementKind.ComputerRevoked: _revoked.Add(statement.Number); break;
            case StatementKind.SnapshotDeleted: _deleted.Add((statement.Number, statement.Value)); break;
            default: break;
        }
    }

    public bool IsRevoked(CertifiedComputer computer) => computer.IsRevoked || _revoked.Contains(computer.Number);

    public bool IsDeleted(Head head) => Log.DeletedSnapshots.Contains((head.Computer, head.Sequence)) || _deleted.Contains((head.Computer, head.Sequence));

    public void Trouble(string what)
    {
        if (_troubles.Count < TroublesMax)
        {
            _troubles.Add(what);
        }
    }
}
