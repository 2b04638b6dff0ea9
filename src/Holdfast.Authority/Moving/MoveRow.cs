using Holdfast.Authority.Accounts;

namespace Holdfast.Authority.Moving;

/// <summary>A move in the directory.</summary>
/// <param name="Home">The store that is home.</param>
/// <param name="Epoch">What writes must name there.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Other">The other store: the target until it is decided, the former home after; null if nothing is under way.</param>
/// <param name="Attempt">Rises with each attempt: what an older one still has under way changes nothing.</param>
/// <param name="Mover">Who works on it.</param>
internal sealed record MoveRow(string Home, long Epoch, MoveState State, string? Other, long Attempt, string? Mover);
