namespace Holdfast.Protocol.Messages;

/// <summary>An object on a pod: its name (account/space/number), bytes, and since when it is there and condemned (seconds since 1970).</summary>
public sealed record PodObject(string Name, long Length, long StoredAt, long? CondemnedAt);

/// <summary>An account of which a pod keeps nothing any more, since when (seconds since 1970), and how many of its records are not zeros on every drive yet.</summary>
public sealed record PodClosure(string Account, long ClosedAt, long RecordsLeft);

/// <summary>A page of closed accounts, in order; <paramref name="Next"/> is the account to go on after, or null.</summary>
public sealed record PodClosures(IReadOnlyList<PodClosure> Closures, string? Next);

/// <summary>Changes to a new key for grants; with <paramref name="RevokeOld"/> those under the old one are worthless at once, as after a leak.</summary>
public sealed record RotateGrantKey(bool RevokeOld);

/// <summary>A new key signs grants.</summary>
public sealed record GrantKeyRotated(bool OldRevoked);

/// <summary>A page in order of names; <paramref name="Next"/> is the name to go on after, or null.</summary>
public sealed record PodListing(IReadOnlyList<PodObject> Objects, string? Next);
