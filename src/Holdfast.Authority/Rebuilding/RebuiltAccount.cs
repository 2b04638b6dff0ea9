using Holdfast.Format.Objects;

namespace Holdfast.Authority.Rebuilding;

/// <summary>What came back of an account, and what did not.</summary>
/// <param name="Account">The account.</param>
/// <param name="Computers">Computers that its log certifies.</param>
/// <param name="Snapshots">Snapshots that can be read.</param>
/// <param name="Objects">Packs, segments, snapshots and map pages that were taken in.</param>
/// <param name="Bytes">Their bytes.</param>
/// <param name="Troubles">What is missing or was left out, in words; it lies on the pod as before.</param>
public sealed record RebuiltAccount(AccountId Account, int Computers, int Snapshots, long Objects, long Bytes, IReadOnlyList<string> Troubles);
