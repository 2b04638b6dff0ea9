namespace Holdfast.Protocol.Messages;

/// <summary>First call of a freshly started service: makes an operator, whose token is for programs. Roles: support, operator, admin.</summary>
public sealed record CreateOperator(string Name, string Role = "admin");

public sealed record OperatorCreated(string Name, string Token);

/// <summary>An operator's token, without the token.</summary>
public sealed record OperatorSummary(string Name, string Role, long CreatedAt);

public sealed record OperatorList(IReadOnlyList<OperatorSummary> Operators, string? Next);

public sealed record CreateAccount(string Name);

/// <summary>A new account, or a new code for one: the code enrols one computer.</summary>
public sealed record AccountCreated(string Account, string Name, string Code);

/// <summary>The account's new name.</summary>
public sealed record RenameAccount(string Name);

public sealed record AccountSummary(string Account, string Name, string State, long CreatedAt, long? ClosesAt = null);

/// <summary>A page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record AccountList(IReadOnlyList<AccountSummary> Accounts, string? Next);

/// <summary>Trades a code for a computer number and a token. A write-only computer sends the public keys it asks to have certified.</summary>
/// <param name="Code">The operator's code.</param>
/// <param name="Name">The computer's name.</param>
/// <param name="Attempt">16 random bytes.</param>
/// <param name="Request">Two public keys, of a computer that asks to be approved.</param>
/// <param name="AsksToRead">It asks the root's holder each time it is to read (<c>POST …/readings</c>); clients that do not know that read always.</param>
/// <remarks>The attempt, 16 random bytes, lets a computer whose answer was lost ask again with the same code.</remarks>
public sealed record BeginEnrolment(string Code, string Name, byte[] Attempt, byte[]? Request = null, bool AsksToRead = false)
{
    public const int AttemptLength = 16;
}

/// <summary>A computer number and its token. State is the account's: one that came back from pods alone waits for a person to confirm it.</summary>
public sealed record EnrolmentBegun(
    string Account, string AccountName, uint Computer, string Token, string PodUrl, IReadOnlyList<byte[]> Log, byte[]? Keyring, string State = AccountState.Open);

/// <summary>Statements in order, a page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record LogStatements(IReadOnlyList<byte[]> Statements, string? Next);

/// <summary>How many statements the log has now.</summary>
public sealed record LogAppended(long Sequence);

/// <summary>Appends statements, and stores the keyring that goes with them: both or neither.</summary>
public sealed record AppendLog(IReadOnlyList<byte[]> Statements, byte[]? Keyring = null);

public sealed record StoredKeyring(byte[] Keyring);

/// <summary>A computer that waits to be let in: its request, and the keys sealed to it once somebody approved.</summary>
public sealed record PendingEnrolment(uint Computer, string Name, byte[] Request, byte[]? Approval);

public sealed record PendingEnrolments(IReadOnlyList<PendingEnrolment> Pending, string? Next);

/// <summary>Certifies a waiting computer: the statement that does, and the group keys sealed to it.</summary>
public sealed record ApproveEnrolment(byte[] Statement, byte[] Approval);
