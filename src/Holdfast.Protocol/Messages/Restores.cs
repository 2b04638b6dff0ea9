namespace Holdfast.Protocol.Messages;

/// <summary>Asks for an archive of a snapshot of a managed account.</summary>
/// <param name="Snapshot">The snapshot's id, in hexadecimal.</param>
/// <param name="Paths">Paths in it, with everything below them; none for all.</param>
public sealed record PrepareRestore(string Snapshot, IReadOnlyList<string>? Paths = null);

/// <summary>An archive that was asked for. Times are seconds since 1970, lengths bytes.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Snapshot">The snapshot's id.</param>
/// <param name="Paths">What is in it; none for all.</param>
/// <param name="State">waiting, preparing, ready, failed, cancelled or expired.</param>
/// <param name="AskedBy">Who asked.</param>
/// <param name="CreatedAt">When.</param>
/// <param name="EndedAt">When it was ready, failed or was cancelled.</param>
/// <param name="ExpiresAt">When it is deleted.</param>
/// <param name="Files">Files in it so far.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="BytesTotal">The bytes of all that belong into it; 0 while that is not known.</param>
/// <param name="Length">The archive's length.</param>
/// <param name="Troubles">Entries that are not in it as they were backed up; the archive names them in holdfast-report.txt.</param>
/// <param name="Failure">Why it failed.</param>
/// <param name="IsShared">A computer of the account made and encrypted it: only whoever has its link and key opens it.</param>
public sealed record PreparedRestore(
    string Id, string Snapshot, IReadOnlyList<string> Paths, string State, string AskedBy, long CreatedAt, long? EndedAt, long? ExpiresAt,
    long Files, long Bytes, long BytesTotal, long Length, long Troubles, string? Failure, bool IsShared = false);

/// <summary>Archives, the latest first.</summary>
public sealed record PreparedRestoreList(IReadOnlyList<PreparedRestore> Restores, string? Next = null);

/// <summary>Where an archive is fetched, until when. Ranges can be asked for, so that a download can go on where it broke off.</summary>
public sealed record RestoreLink(string Url, long ExpiresAt);

/// <summary>A process that holds escrow keys, and where customers reach it.</summary>
public sealed record RegisterRestorer(string Name, string Url);

/// <summary>The token by which a restorer works; it is shown once.</summary>
public sealed record RestorerRegistered(string Name, string Token);

/// <summary>A restorer, and when it was heard of last (seconds since 1970).</summary>
public sealed record RestorerSummary(string Name, string Url, long CreatedAt, long? SeenAt);

public sealed record RestorerList(IReadOnlyList<RestorerSummary> Restorers);

/// <summary>A restorer asks for work.</summary>
/// <param name="Held">Archives that it has, begun or whole.</param>
/// <param name="Working">Those of them that it is working on.</param>
/// <param name="MayBegin">False if it only says what it has.</param>
/// <param name="Keys">Fingerprints of its escrow keys: it gets what they open.</param>
/// <param name="MayDrill">It would make a restore drill, if there is no archive to make.</param>
public sealed record ClaimRestore(IReadOnlyList<string> Held, IReadOnlyList<string> Working, bool MayBegin, IReadOnlyList<string> Keys, bool MayDrill = false);

/// <summary>What a restorer is to do.</summary>
/// <param name="AuthorityKey">Signs passes.</param>
/// <param name="Drop">Archives that nobody may fetch any more: they are to be deleted.</param>
/// <param name="Work">An archive to prepare.</param>
/// <param name="Drill">A restore drill to make.</param>
public sealed record RestoreClaim(byte[] AuthorityKey, IReadOnlyList<string> Drop, RestoreWork? Work = null, DrillWork? Drill = null);

/// <summary>An account of which random files are to be restored, and compared with what they should be; the token is the lease's.</summary>
public sealed record DrillWork(string Account, string AccountName, long Token);

/// <summary>A drill goes on; the token is the lease's.</summary>
public sealed record DrillAdvanced(long Token);

/// <summary>How a restorer's drill went.</summary>
/// <param name="Token">The lease's.</param>
/// <param name="StartedAt">Seconds since 1970.</param>
/// <param name="Seed">Chose the files.</param>
/// <param name="Snapshots">Ids of the snapshots' heads.</param>
/// <param name="Files">Files that were to be restored.</param>
/// <param name="Bytes">Bytes that were.</param>
/// <param name="Failures">Files and snapshots that could not be.</param>
/// <param name="Failure">Why nothing could be.</param>
public sealed record DrillEnded(long Token, long StartedAt, long Seed, IReadOnlyList<string> Snapshots, long Files, long Bytes, long Failures, string? Failure = null);

/// <summary>An archive to prepare; the token is the lease's.</summary>
public sealed record RestoreWork(string Id, string Account, string AccountName, string Snapshot, IReadOnlyList<string> Paths, long Token);

/// <summary>How far an archive is.</summary>
public sealed record RestoreAdvanced(long Token, long Files, long Bytes, long BytesTotal);

/// <summary>How an archive ended.</summary>
public sealed record RestoreEnded(long Token, long Files, long Bytes, long Length, long Troubles, string? Failure = null);

/// <summary>Asks for a place for an archive that this computer makes and encrypts.</summary>
/// <param name="Snapshot">Of which snapshot, by its id in hexadecimal.</param>
/// <param name="Days">For how long it is kept.</param>
public sealed record BeginShare(string Snapshot, int Days);

/// <summary>Where it is uploaded, in parts, within a day.</summary>
public sealed record ShareBegun(string Id, string UploadUrl);

/// <summary>All of it is uploaded.</summary>
/// <param name="Length">Its bytes.</param>
/// <param name="IsTar">It is a tar, and not a ZIP.</param>
public sealed record EndShare(long Length, bool IsTar);

/// <summary>How much of an upload is kept.</summary>
public sealed record SharedProgress(long Length, bool IsWhole)
{
    /// <summary>The longest part, in bytes.</summary>
    public const int PartLengthMax = 8 << 20;
}

/// <summary>A session in which somebody looks into a managed account.</summary>
public sealed record BrowsingOpened(string Session, long ExpiresAt);

/// <summary>Snapshots of a managed account, the latest first.</summary>
public sealed record BrowsedSnapshots(IReadOnlyList<BrowsedSnapshot> Snapshots);

/// <summary>A snapshot as its own body describes it; times are seconds since 1970.</summary>
public sealed record BrowsedSnapshot(string Id, string Computer, long TakenAt, long ReceivedAt, long Files, long Bytes, IReadOnlyList<string> Paths);

/// <summary>Entries of a directory, or that a search found.</summary>
/// <param name="Entries">Entries in the order of their names.</param>
/// <param name="Next">Behind which name there are more; null if there are none.</param>
/// <param name="IsComplete">False if the search was ended before it had seen everything.</param>
public sealed record BrowsedEntries(IReadOnlyList<BrowsedEntry> Entries, string? Next, bool IsComplete);

/// <summary>An entry.</summary>
/// <param name="Path">As one can read it.</param>
/// <param name="PathBytes">The same, exactly.</param>
/// <param name="Type">file, directory, symboliclink, fifo, socket, characterdevice or blockdevice.</param>
/// <param name="Size">Bytes, of files.</param>
/// <param name="ModifiedAt">Seconds since 1970.</param>
/// <param name="Mode">In octal.</param>
public sealed record BrowsedEntry(string Path, byte[] PathBytes, string Type, long Size, long ModifiedAt, string Mode);
