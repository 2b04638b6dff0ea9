namespace Holdfast.Protocol.Messages;

/// <summary>Asks to read numbered objects; packs by the number they were born with.</summary>
public sealed record OpenReads(IReadOnlyList<uint> Numbers, bool TablesOnly);

/// <summary>Where an object lies now, and the permission to read it. A pack that was compacted is answered by those that hold its frames.</summary>
public sealed record ReadGrant(uint Number, uint At, long Length, long TablesOffset, string PodUrl, string Grant);

public sealed record ReadsOpened(IReadOnlyList<ReadGrant> Grants, ThrottleState? Throttle = null);

/// <summary>RFC 9457 problem details with Holdfast's stable code.</summary>
public sealed record Problem(string Type, string Title, int Status, string Detail, string Code, IReadOnlyList<MissingFrame>? Missing, BackupTurn? Turn = null);
