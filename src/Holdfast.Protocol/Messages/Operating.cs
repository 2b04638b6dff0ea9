using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Serialization;

namespace Holdfast.Protocol.Messages;

/// <summary>A piece of the service's own work. Times are seconds since 1970.</summary>
/// <param name="Id">Rises with time.</param>
/// <param name="Kind">What is done.</param>
/// <param name="Subject">An account's name, or nothing.</param>
/// <param name="State">waiting, running or done; one that failed waits to be tried again.</param>
/// <param name="DueAt">When it may be run.</param>
/// <param name="Node">Who ran it last.</param>
/// <param name="Attempts">How often it was begun since it last got on.</param>
/// <param name="IsStuck">It was begun again and again and does not get on: somebody should look.</param>
/// <param name="Failure">Why it did not end the last time.</param>
/// <param name="CreatedAt">When it was asked for.</param>
/// <param name="EndedAt">When it was done.</param>
public sealed record JobSummary(string Id, string Kind, string Subject, string State, long DueAt, string? Node, long Attempts, bool IsStuck, string? Failure, long CreatedAt, long? EndedAt);

/// <summary>A page of jobs, the latest first.</summary>
public sealed record JobList(IReadOnlyList<JobSummary> Jobs, string? Next);

/// <summary>What an account uses, as it was counted last.</summary>
/// <param name="Account">Its id.</param>
/// <param name="Name">Its name.</param>
/// <param name="Day">The day since which it is so, in days since 1970; null before it was counted.</param>
/// <param name="Bytes">Stored on the pod.</param>
/// <param name="Objects">Objects there.</param>
/// <param name="Snapshots">Snapshots that are kept.</param>
/// <param name="Computers">Computers that may back up.</param>
public sealed record AccountUsage(string Account, string Name, long? Day, long Bytes, long Objects, long Snapshots, long Computers);

/// <summary>A page of accounts' usage, by name.</summary>
public sealed record AccountUsageList(IReadOnlyList<AccountUsage> Accounts, string? Next);

/// <summary>How much there was of something on a day (days since 1970).</summary>
public sealed record GrowthSample(string Metric, string Subject, long Day, long Value);

/// <summary>A page of samples, by metric, subject and day.</summary>
public sealed record GrowthHistory(IReadOnlyList<GrowthSample> Samples, string? Next);

/// <summary>Something an operator did.</summary>
/// <param name="Number">From 1, without gaps.</param>
/// <param name="At">Seconds since 1970.</param>
/// <param name="Actor">Who.</param>
/// <param name="Action">What: the method and the route.</param>
/// <param name="Subject">To what: the path.</param>
/// <param name="Hash">SHA-256 of the hash before (zeros for the first) and this entry, each text preceded by its length.</param>
public sealed record AuditEntry(long Number, long At, string Actor, string Action, string Subject, byte[] Hash)
{
    /// <summary>What the hash must be behind an entry whose hash is <paramref name="before"/>.</summary>
    public byte[] HashBehind(ReadOnlySpan<byte> before)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(before);
        hash.AppendData(BitConverter.GetBytes(Number));
        hash.AppendData(BitConverter.GetBytes(At));
        foreach (var text in new[] { Actor, Action, Subject })
        {
            var bytes = Encoding.UTF8.GetBytes(text);
            hash.AppendData(BitConverter.GetBytes(bytes.Length));
            hash.AppendData(bytes);
        }

        return hash.GetHashAndReset();
    }
}

/// <summary>A page of the audit log, in order.</summary>
public sealed record AuditEntries(IReadOnlyList<AuditEntry> Entries, string? Next);

/// <summary>A computer of an account as its operator sees it. Times are seconds since 1970.</summary>
/// <param name="Computer">Its number.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Rights">Waiting, Add or Read.</param>
/// <param name="Revoked">The account's root took its rights away, for good.</param>
/// <param name="Retired">It is not used any more; this can be taken back.</param>
/// <param name="CreatedAt">When it was enrolled.</param>
/// <param name="LastBackupAt">When its last good backup arrived; null for never.</param>
/// <param name="Replaces">The computer whose place it took.</param>
public sealed record ComputerSummary(uint Computer, string Name, string Rights, bool Revoked, bool Retired, long CreatedAt, long? LastBackupAt, uint? Replaces = null);

/// <summary>A page of computers, by number.</summary>
public sealed record ComputerList(IReadOnlyList<ComputerSummary> Computers, string? Next);

/// <summary>Changes what the service calls a computer, whether it is used, or which it replaces; what is null stays. The one that it replaces is retired, and its history is the new one's too.</summary>
public sealed record ChangeComputer(string? Name = null, bool? Retired = null, uint? Replaces = null);

/// <summary>A computer as it is told of itself.</summary>
/// <param name="Computer">Its number.</param>
/// <param name="Name">What it is called.</param>
/// <param name="Predecessors">Those whose place it took, the latest first.</param>
public sealed record ComputerItself(uint Computer, string Name, IReadOnlyList<uint> Predecessors);

/// <summary>Accounts to make, all or none; names that there are already are left as they are.</summary>
public sealed record ImportAccounts(IReadOnlyList<ImportedAccount> Accounts)
{
    public const int AccountsMax = 1000;
}

/// <summary>An account to make, and the organisation that it belongs to.</summary>
public sealed record ImportedAccount(string Name, string? Organisation = null);

/// <summary>What became of each, in order: a new one has a code that enrols its first computer.</summary>
public sealed record AccountsImported(IReadOnlyList<AccountImported> Accounts);

/// <summary>An account that was made, with its code; or, without one, that was there.</summary>
public sealed record AccountImported(string Account, string Name, string? Code);

/// <summary>Makes the public half of an escrow key the one that is offered to customers from now on.</summary>
public sealed record RegisterEscrowKey(byte[] PublicKey);

/// <summary>An escrow key's public half, what people compare it by, since when (seconds since 1970), and how many accounts it opens.</summary>
public sealed record EscrowKeySummary(string Fingerprint, byte[] PublicKey, long CreatedAt, long Accounts);

/// <summary>Escrow keys, the newest first: that one is offered to customers.</summary>
public sealed record EscrowKeyList(IReadOnlyList<EscrowKeySummary> Keys);

/// <summary>What the holder of the escrow key needs to open an account.</summary>
public sealed record EscrowedAccount(string Account, string Name, IReadOnlyList<byte[]> Log, byte[] Keyring);

/// <summary>Copies of the service's own databases.</summary>
/// <param name="IsRunning">One is being made, or about to be.</param>
/// <param name="Failure">Why the last attempt failed; null if it did not.</param>
/// <param name="Backups">Those on the pod, the oldest first.</param>
public sealed record SelfBackupStatus(bool IsRunning, string? Failure, IReadOnlyList<SelfBackupSummary> Backups);

/// <summary>A copy of the service's own databases on the pod: its number, when it was whole (seconds since 1970), and its bytes there.</summary>
public sealed record SelfBackupSummary(uint Number, long StoredAt, long Bytes);

/// <summary>How far the service is with comparing its accounts with the pod, after a copy of its databases was restored.</summary>
/// <param name="IsRunning">It has not ended.</param>
/// <param name="Left">Accounts that back up nothing until they are compared.</param>
/// <param name="Done">Accounts compared.</param>
/// <param name="Found">Of those, accounts that the copy did not have.</param>
/// <param name="Troubles">What was odd.</param>
public sealed record ReconciliationStatus(bool IsRunning, long Left, long Done, long Found, IReadOnlyList<string> Troubles)
{
    /// <summary>The same for people, but for the troubles.</summary>
    [JsonIgnore]
    public string Sentence => $"{Done} accounts are compared with the pod, {Found} of them came since the copy; {Left} are left{(IsRunning ? "" : ": it has ended")}.";
}

/// <summary>Has an account closed when its grace has passed, or keeps it after all.</summary>
public sealed record SetClosing(bool Closing);

/// <summary>An account that is being closed, or was. Times are seconds since 1970.</summary>
/// <param name="Account">Its id.</param>
/// <param name="Name">What it was called.</param>
/// <param name="AskedBy">Who wanted it closed.</param>
/// <param name="AskedAt">When.</param>
/// <param name="ClosesAt">Until when it can be kept after all.</param>
/// <param name="DeletedAt">Since when its keyrings and rows are gone, and nothing of it can be found; null before.</param>
/// <param name="WipedAt">Since when no drive of the pod has any of it; null before.</param>
/// <param name="RecordsLeft">Records that drives still have, to be wiped; null before its deletion.</param>
/// <param name="Objects">What there was of it: objects,</param>
/// <param name="Bytes">their bytes,</param>
/// <param name="Snapshots">snapshots,</param>
/// <param name="Computers">and computers.</param>
/// <param name="DaysLeft">Days that the service has yet to be there before its deletion.</param>
public sealed record ClosureSummary(
    string Account, string Name, string AskedBy, long AskedAt, long ClosesAt, long? DeletedAt, long? WipedAt, long? RecordsLeft, long Objects, long Bytes, long Snapshots, long Computers, long DaysLeft = 0);

/// <summary>A page of closures.</summary>
public sealed record AccountClosures(IReadOnlyList<ClosureSummary> Closures, string? Next);

/// <summary>Suspends an account, or lets it go on. While it is suspended it backs up nothing; restores are never refused.</summary>
public sealed record SetSuspension(bool Suspended);
