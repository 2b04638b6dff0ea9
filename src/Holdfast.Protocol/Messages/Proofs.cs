using System.Globalization;
using System.Text.Json.Serialization;

namespace Holdfast.Protocol.Messages;

/// <summary>Starts a verification of all accounts, or of one. One runs at a time: asked for the same, the answer is the one that runs.</summary>
public sealed record StartVerification(string? Account = null);

/// <summary>An object that cannot be read, or is not what it should be, and snapshots that need it ("computer 1 snapshot 7"), at most ten.</summary>
public sealed record VerificationDamage(string Account, string Object, string What, IReadOnlyList<string> Snapshots);

/// <summary>A verification, running or ended: the pod reads every object that a snapshot needs, and compares every hash in it.</summary>
/// <param name="State">none, running, ended or failed.</param>
/// <param name="Account">The only account that it is of; null for all.</param>
/// <param name="StartedAt">Seconds since 1970.</param>
/// <param name="EndedAt">Seconds since 1970; null while it runs.</param>
/// <param name="Accounts">Accounts that are done.</param>
/// <param name="Snapshots">Snapshots of those.</param>
/// <param name="Objects">Objects read.</param>
/// <param name="Bytes">Bytes read.</param>
/// <param name="BytesTotal">Bytes that the accounts store: more than a snapshot needs, if some of it is on its way out.</param>
/// <param name="Damages">What was found, the first thousand.</param>
/// <param name="DamageCount">How many there are.</param>
/// <param name="Failure">Why it could not go on.</param>
public sealed record VerificationStatus(
    string State, string? Account, long StartedAt, long? EndedAt, int Accounts, long Snapshots, long Objects, long Bytes, long BytesTotal, IReadOnlyList<VerificationDamage> Damages, long DamageCount,
    string? Failure = null)
{
    /// <summary>What came of it, for people.</summary>
    [JsonIgnore]
    public string Sentence => State switch
    {
        "none" => "Nothing was verified yet.",
        "running" => string.Create(CultureInfo.InvariantCulture, $"It runs: {Snapshots:n0} snapshots, {Bytes:n0} of {BytesTotal:n0} bytes are read."),
        "failed" => Failure ?? "The service was started anew, and the verification with it was ended.",
        _ when DamageCount == 0 => string.Create(CultureInfo.InvariantCulture, $"{Accounts} accounts, {Snapshots} snapshots: {Objects:n0} objects, {Bytes:n0} bytes were read, and every frame is what its computer signed."),
        _ => string.Create(CultureInfo.InvariantCulture,
            $"{DamageCount} objects that snapshots need cannot be read, of {Objects:n0}. Run `holdfastd pod scrub` and verify again; if it stays so, tell the accounts which snapshots are damaged: their other files can be restored."),
    };
}

/// <summary>How well it is proved that accounts can be restored. Times are seconds since 1970, null for never.</summary>
/// <param name="Accounts">Accounts there are.</param>
/// <param name="Verified">Those whose every frame was read at least once.</param>
/// <param name="OldestVerification">The oldest of their latest verifications.</param>
/// <param name="Damaged">Those whose latest verification found damage.</param>
/// <param name="Drilled">Those in which a computer or a restorer restored random files at least once.</param>
/// <param name="OldestDrill">The oldest of their latest drills.</param>
/// <param name="FailedDrills">Those whose latest drill failed.</param>
public sealed record ProofSummary(int Accounts, int Verified, long? OldestVerification, int Damaged, int Drilled, long? OldestDrill, int FailedDrills);

/// <summary>A restore drill of a computer: random files of its account, restored and compared. The names stay with the computer; what it hands in is signed by its key.</summary>
/// <param name="StartedAt">Seconds since 1970.</param>
/// <param name="EndedAt">Seconds since 1970.</param>
/// <param name="Seed">What chose the files: the same seed chooses the same files of the same snapshots.</param>
/// <param name="Snapshots">Ids of the snapshots' heads.</param>
/// <param name="Files">Files restored.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Failures">Files that could not be restored, or differ from the same file on the computer.</param>
/// <param name="EvidenceHash">SHA-256 of the evidence that the computer keeps: each file's path, size and SHA-256.</param>
/// <param name="Signature">By the computer's certified key.</param>
public sealed record HandInDrill(
    long StartedAt, long EndedAt, long Seed, IReadOnlyList<string> Snapshots, int Files, long Bytes, int Failures, byte[] EvidenceHash, byte[] Signature)
{
    public const int SnapshotsMax = 100;
}

public sealed record DrillKept(long Number);

/// <summary>What is kept of a drill that a restorer made: with the same seed it chooses the same files again while nothing is added.</summary>
public sealed record DrillEvidenceOfRestorer(string Restorer, long Seed, IReadOnlyList<string> Snapshots, string? Failure);

/// <summary>A proof that an account can be restored, or that some of it cannot. Times are seconds since 1970.</summary>
/// <param name="Kind"><c>verification</c> (every frame was read) or <c>drill</c> (random files were restored).</param>
/// <param name="Computer">The computer that restored; null for the service, or a restorer of it.</param>
/// <param name="StartedAt">When it began.</param>
/// <param name="EndedAt">When it ended.</param>
/// <param name="Snapshots">Snapshots that were looked at.</param>
/// <param name="Objects">Objects that were read; of a drill, files.</param>
/// <param name="Bytes">Bytes.</param>
/// <param name="Damages">What could not be read or restored.</param>
/// <param name="Evidence">What was damaged; of a drill, what was handed in of it.</param>
public sealed record AccountProof(string Kind, uint? Computer, long StartedAt, long EndedAt, long Snapshots, long Objects, long Bytes, long Damages, string Evidence);

/// <summary>An account's proofs, the latest first.</summary>
public sealed record AccountProofs(IReadOnlyList<AccountProof> Proofs);
