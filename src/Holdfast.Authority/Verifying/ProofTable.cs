using Holdfast.Authority.Accounts;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Databases;
using Holdfast.Format.Accounts;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Verifying;

/// <summary>What a proof is.</summary>
internal enum ProofKind
{
    /// <summary>The service had every frame read.</summary>
    Verification,

    /// <summary>A computer of the account, or a restorer, restored random files.</summary>
    Drill,
}

/// <summary>A proof that was tried, as it is kept. Times are seconds since 1970.</summary>
internal sealed record Proof(ProofKind Kind, uint? Computer, long StartedAt, long EndedAt, long Snapshots, long Objects, long Bytes, long Damages, string Evidence);

/// <summary>Verifications and drills of each account, kept as evidence.</summary>
internal sealed class ProofTable(AccountStore store, AccountDirectory directory, LogTable log, TimeProvider time)
{
    private const int ListedMax = 200;

    public Task<long> KeepAsync(AccountPlace place, Proof proof, CancellationToken cancellation) => store.WriteAsync(place, transaction => transaction.FindAsync<long>(
        """
        INSERT INTO proofs (account_id, kind, number, computer, started_at, ended_at, snapshots, objects, bytes, damages, evidence, version)
        SELECT @account, @kind, coalesce(max(number), 0) + 1, CAST(@computer AS BIGINT), @startedAt, @endedAt, @snapshots, @objects, @bytes, @damages, @evidence, @version
        FROM proofs WHERE account_id = @account AND kind = @kind
        RETURNING number
        """,
        new
        {
            kind = KindOf(proof.Kind), proof.Computer, proof.StartedAt, proof.EndedAt, proof.Snapshots, proof.Objects, proof.Bytes, proof.Damages, proof.Evidence,
        }), cancellation);

    /// <summary>Keeps a drill whose computer signed it.</summary>
    public async Task<DrillKept> HandInAsync(Device device, HandInDrill drill, CancellationToken cancellation)
    {
        if (drill.Snapshots.Count > HandInDrill.SnapshotsMax || drill.Files <= 0 || drill.Snapshots.Any(id => id is not { Length: 64 }) || drill.EvidenceHash.Length != 32)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A drill is of some files of at most {HandInDrill.SnapshotsMax} snapshots, named by their heads, and its evidence by a SHA-256.");
        }

        if (!(await log.VerifiedAsync(device.Place, cancellation)).Computers.TryGetValue(device.Computer, out var computer) || computer.IsRevoked
            || !DrillSignature.IsSigned(drill, device.Place.Account, device.Computer, computer.SigningKey.Span))
        {
            throw new HoldfastException(FailureTable.Forbidden, "The drill is not signed by this computer as the account log certifies it.");
        }

        var evidence = System.Text.Json.JsonSerializer.Serialize(drill, MessageJson.Default.HandInDrill);
        if (await store.AskAsync(device.Place, transaction => transaction.FindAsync<long?>("SELECT max(number) FROM proofs WHERE account_id = @account AND kind = 'drill' AND evidence = @evidence", new { evidence }), cancellation) is { } known)
        {
            // Handed in before: an old drill does not take the place of a newer one.
            return new DrillKept(known);
        }

        // It counts from when it was handed in, whatever the computer's clock says.
        return new DrillKept(await KeepAsync(device.Place, new Proof(ProofKind.Drill, device.Computer, drill.StartedAt, time.GetUtcNow().ToUnixTimeSeconds(), drill.Snapshots.Count, drill.Files, drill.Bytes, drill.Failures, evidence), cancellation));
    }

    /// <summary>An account's proofs, the latest first.</summary>
    public Task<AccountProofs> ListAsync(AccountPlace place, CancellationToken cancellation) => store.AskAsync(place, async transaction => new AccountProofs(
        [.. (await transaction.QueryAsync<(string Kind, long? Computer, long StartedAt, long EndedAt, long Snapshots, long Objects, long Bytes, long Damages, string Evidence)>(
            $"SELECT kind, computer, started_at, ended_at, snapshots, objects, bytes, damages, evidence FROM proofs WHERE account_id = @account AND deleted = 0 ORDER BY ended_at DESC, kind, number DESC LIMIT {ListedMax}"))
            .Select(row => new AccountProof(row.Kind, (uint?)row.Computer, row.StartedAt, row.EndedAt, row.Snapshots, row.Objects, row.Bytes, row.Damages, row.Evidence))]), cancellation);

    /// <summary>How well it is proved that accounts can be restored.</summary>
    public async Task<ProofSummary> SummaryAsync(CancellationToken cancellation)
    {
        var latest = (await store.ReadAllAsync(transaction => transaction.QueryAsync<Latest>(
            $"""
            SELECT kind, count(*) AS Accounts, min(ended_at) AS Oldest, sum(CASE WHEN damages > 0 THEN 1 ELSE 0 END) AS Damaged FROM proofs p
            WHERE number = (SELECT max(number) FROM proofs m WHERE m.account_id = p.account_id AND m.kind = p.kind) AND {AccountTables.AtHome} GROUP BY kind
            """), cancellation)).SelectMany(rows => rows).ToLookup(row => row.Kind);
        var (verified, drilled) = (latest[KindOf(ProofKind.Verification)].ToList(), latest[KindOf(ProofKind.Drill)].ToList());
        return new ProofSummary((int)await directory.CountAsync(cancellation), Accounts(verified), Oldest(verified), Damaged(verified), Accounts(drilled), Oldest(drilled), Damaged(drilled));

        static int Accounts(List<Latest> stores) => (int)stores.Sum(row => row.Accounts);
        static int Damaged(List<Latest> stores) => (int)stores.Sum(row => row.Damaged);
        static long? Oldest(List<Latest> stores) => stores.Min(row => (long?)row.Oldest);
    }

    /// <summary>How many accounts' latest verification, and latest drill, found damage: looked up among those that ever did.</summary>
    public async Task<(long Verifications, long Drills)> DamagedAsync(CancellationToken cancellation)
    {
        var damaged = (await store.TryReadAllAsync(transaction => transaction.QueryAsync<(string Kind, long Accounts)>(
            $"""
            SELECT kind, count(*) FROM proofs p WHERE damages > 0
              AND number = (SELECT max(number) FROM proofs m WHERE m.account_id = p.account_id AND m.kind = p.kind) AND {AccountTables.AtHome} GROUP BY kind
            """), cancellation)).SelectMany(rows => rows).ToLookup(row => row.Kind, row => row.Accounts);
        return (damaged[KindOf(ProofKind.Verification)].Sum(), damaged[KindOf(ProofKind.Drill)].Sum());
    }

    private static string KindOf(ProofKind kind) => kind == ProofKind.Drill ? "drill" : "verification";

    private sealed record Latest
    {
        public string Kind { get; init; } = "";

        public long Accounts { get; init; }

        public long Oldest { get; init; }

        public long Damaged { get; init; }
    }
}
