using Holdfast.Format.Objects;

namespace Holdfast.Format.Accounts;

/// <summary>A computer as the root certified it.</summary>
public sealed record CertifiedComputer(uint Number, ReadOnlyMemory<byte> SigningKey, uint Group, string Name, bool IsRevoked);

/// <summary>A keyring slot as the root published it.</summary>
public sealed record PublishedSlot(uint Number, byte Kind, ReadOnlyMemory<byte> PublicKey);

/// <summary>The log of an account, verified against a pinned root: who belongs to it and which keys are its own.</summary>
public sealed class AccountLog
{
    private const string What = "account log";

    private readonly Dictionary<uint, CertifiedComputer> _computers = [];
    private readonly Dictionary<uint, PublishedSlot> _slots = [];
    private readonly HashSet<(uint Computer, uint Sequence)> _deletedSnapshots = [];
    private readonly List<Statement> _statements = [];

    public AccountId Account { get; private set; }

    public IReadOnlyList<Statement> Statements => _statements;

    public IReadOnlyDictionary<uint, CertifiedComputer> Computers => _computers;

    public IReadOnlyDictionary<uint, PublishedSlot> Slots => _slots;

    /// <summary>Snapshots that a person deleted: only these may be missing behind their heads.</summary>
    public IReadOnlySet<(uint Computer, uint Sequence)> DeletedSnapshots => _deletedSnapshots;

    public ReadOnlyMemory<byte> RootKey { get; private set; }

    /// <summary>The public key that session keys are sealed to.</summary>
    public ReadOnlyMemory<byte> AccountKey { get; private set; }

    public ulong Sequence => (ulong)_statements.Count;

    /// <summary>Hash of the last statement; the next one must name it.</summary>
    public ReadOnlyMemory<byte> LastHash => _statements.Count == 0 ? new byte[32] : _statements[^1].Hash;

    /// <summary>Reads a whole log; with <paramref name="pinnedRoot"/>, a log of any other root is refused.</summary>
    public static AccountLog Verify(IEnumerable<ReadOnlyMemory<byte>> statements, ReadOnlyMemory<byte>? pinnedRoot = null)
    {
        var log = new AccountLog();
        foreach (var bytes in statements)
        {
            log.Append(Statement.Parse(bytes), pinnedRoot);
        }

        return log;
    }

    /// <summary>Appends the next statement, if it follows the last and the root signed it; else nothing changes.</summary>
    public void Append(Statement statement, ReadOnlyMemory<byte>? pinnedRoot = null)
    {
        var first = _statements.Count == 0;
        Require(first == (statement.Kind == StatementKind.Genesis), "it does not begin with its one genesis statement");
        var root = first ? statement.Key : RootKey;
        Require(pinnedRoot is null || pinnedRoot.Value.Span.SequenceEqual(root.Span), "it is of another root key than the one this computer pinned");
        Require(statement.Sequence == Sequence + 1 && statement.Previous.Span.SequenceEqual(LastHash.Span), $"statement {statement.Sequence} does not follow the last");
        Require(first || statement.Account == Account, "a statement is of another account");
        Require(statement.IsSignedBy(root.Span), $"statement {statement.Sequence} is not signed by the root");
        Apply(statement);
        _statements.Add(statement);
    }

    private void Apply(Statement statement)
    {
        switch (statement.Kind)
        {
            case StatementKind.Genesis:
                Account = statement.Account;
                RootKey = statement.Key;
                AccountKey = statement.AccountKey;
                break;
            case StatementKind.Computer:
                Require(!_computers.ContainsKey(statement.Number), $"computer {statement.Number} is certified twice");
                _computers.Add(statement.Number, new CertifiedComputer(statement.Number, statement.Key, statement.Group, statement.Name, false));
                break;
            case StatementKind.ComputerRevoked:
                Require(_computers.TryGetValue(statement.Number, out var computer), $"computer {statement.Number} is unknown");
                _computers[statement.Number] = computer! with { IsRevoked = true };
                break;
            case StatementKind.SlotAdded:
                Require(!_slots.ContainsKey(statement.Number), $"slot {statement.Number} is published twice");
                _slots.Add(statement.Number, new PublishedSlot(statement.Number, (byte)statement.Value, statement.Key));
                break;
            case StatementKind.SlotRemoved:
                Require(_slots.Remove(statement.Number), $"slot {statement.Number} is unknown");
                break;
            case StatementKind.AccountKeyRotated:
                AccountKey = statement.AccountKey;
                break;
            case StatementKind.SnapshotDeleted:
                Require(_computers.ContainsKey(statement.Number) && statement.Value is > 0 and <= uint.MaxValue, $"it deletes snapshot {statement.Value} of computer {statement.Number}, which cannot be");
                _deletedSnapshots.Add((statement.Number, (uint)statement.Value));
                break;
            case StatementKind.SuiteFloor:
                if (statement.Number > ObjectHeader.CurrentSuite)
                {
                    throw new MalformedObjectException(What, $"the account asks for suite {statement.Number} or newer: use a newer Holdfast") { IsNewer = true };
                }

                break;
            default:
                break;
        }
    }

    private static void Require(bool condition, string why)
    {
        if (!condition)
        {
            throw new MalformedObjectException(What, why);
        }
    }
}
