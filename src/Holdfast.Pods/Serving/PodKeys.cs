using System.Security.Cryptography;

namespace Holdfast.Pods.Serving;

/// <summary>The pod's own key, which signs receipts, and the public keys of the authority, whose grants it honours. It knows nothing else of anybody.</summary>
public sealed record PodKeys(ECDsa Own, IReadOnlyList<ECDsa> Authority);
