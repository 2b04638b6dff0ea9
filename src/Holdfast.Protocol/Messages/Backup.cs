namespace Holdfast.Protocol.Messages;

/// <summary>A number of the account's counter, and the permission to put one object under it.</summary>
public sealed record UploadGrant(uint Number, string Grant);

/// <summary>A pack or segment that lies on a pod, by its receipt.</summary>
public sealed record StoredObject(uint Number, byte[] Receipt);

/// <summary>Opens a backup session; the collection number is the latest that this computer's index knows, 0 for none.</summary>
public sealed record OpenSession(uint CollectionNumber);

/// <summary>A backup session: numbers to write under, what this computer wrote before that no segment covers, the newest heads, how uploads are limited now, how much of its quota is used, and maintenance that begins soon.</summary>
public sealed record SessionOpened(
    long Session, string PodUrl, IReadOnlyList<UploadGrant> Grants, IReadOnlyList<StoredObject> UnindexedPacks, IReadOnlyList<byte[]> Heads,
    uint CollectionNumber, IReadOnlyList<MissingFrame> Collected, ThrottleState? Throttle = null, QuotaState? Quota = null, PublicWindow? Maintenance = null);

/// <summary>Asks for more numbers, handing in the receipts of what was stored since: after a kill nobody has to ask the pod for them.</summary>
/// <param name="Receipts">Of what was stored.</param>
/// <param name="Renew">Numbers of this session whose grants ran out before anything was stored under them, as when a computer slept: they are permitted anew, instead of more numbers.</param>
public sealed record AskGrants(IReadOnlyList<byte[]> Receipts, IReadOnlyList<uint>? Renew = null);

public sealed record MoreGrants(IReadOnlyList<UploadGrant> Grants, ThrottleState? Throttle = null, QuotaState? Quota = null);

/// <summary>An index segment that is in force.</summary>
public sealed record SegmentSummary(uint Number, long Length, uint Computer);

/// <summary>A page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record SegmentList(IReadOnlyList<SegmentSummary> Segments, string? Next);

/// <summary>Makes a snapshot: its head, and the receipts of everything new it needs. The head's id is the Idempotency-Key.</summary>
public sealed record CommitSnapshot(long Session, byte[] Head, IReadOnlyList<byte[]> Receipts, string? Base = null);

/// <param name="Snapshot">The head's id.</param>
/// <param name="ReceivedAt">When the service received it, Unix seconds.</param>
/// <param name="NextAt">When it asks the computer to back up next, Unix seconds: drawn, so that peaks do not come back. Nothing from an older service.</param>
public sealed record SnapshotCommitted(string Snapshot, long ReceivedAt, long? NextAt = null);

/// <summary>A frame that a commit names and the service does not hold.</summary>
public sealed record MissingFrame(uint Pack, uint Frame);

/// <summary>A snapshot by its head; the body is sealed and lies on a pod under the number the head names.</summary>
public sealed record SnapshotSummary(byte[] Head, long ReceivedAt, string State);

/// <summary>A page; <paramref name="Next"/> is the cursor of the one behind it, or null.</summary>
public sealed record SnapshotList(IReadOnlyList<SnapshotSummary> Snapshots, string? Next);
