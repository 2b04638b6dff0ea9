using System.Security.Cryptography;

namespace Holdfast.Authority.Placing;

/// <summary>Where bulk data lies, and the keys on both sides of a grant and a receipt.</summary>
/// <param name="PublicUrl">The pod's address for clients; known once the port is bound.</param>
/// <param name="InternalUrl">Its address for this process.</param>
/// <param name="ServiceHost">Host and port under which clients know the authority itself, if it differs from what requests name.</param>
/// <param name="AuthorityKey">The authority's own key: challenges.</param>
/// <param name="GrantKey">The key that signs grants at this moment; it changes while the service runs.</param>
/// <param name="PodKeys">Public keys that sign the pod's receipts.</param>
/// <param name="RotateGrantKey">Changes to a new grant key that the pod learns of first; if asked to, makes grants under the old one worthless at once.</param>
/// <param name="Usage">Asks the pod how full it is.</param>
public sealed record PodPlace(
    Func<string> PublicUrl, Func<string> InternalUrl, string? ServiceHost, ECDsa AuthorityKey, Func<ECDsa> GrantKey, IReadOnlyList<ECDsa> PodKeys, Func<bool, CancellationToken, Task> RotateGrantKey,
    Func<CancellationToken, Task<PodUsage>> Usage);

/// <summary>How full a pod is.</summary>
/// <param name="Objects">Objects stored.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Drives">Each drive.</param>
public sealed record PodUsage(long Objects, long Bytes, IReadOnlyList<PodDrive> Drives);

/// <summary>A drive of a pod.</summary>
/// <param name="Path">Where it is mounted.</param>
/// <param name="BytesTotal">The size of its file system; null if it cannot be read.</param>
/// <param name="BytesFree">What is free of it.</param>
/// <param name="IsUp">It is read and written.</param>
/// <param name="Trouble">What is wrong with it, if it is not.</param>
public sealed record PodDrive(string Path, long? BytesTotal, long? BytesFree, bool IsUp, string? Trouble);
