using System.Security.Cryptography;

namespace Holdfast.Pods.Serving;

/// <summary>What a pod trusts; it knows nothing else of anybody.</summary>
/// <param name="Own">Signs receipts.</param>
/// <param name="Trusted">Whose grants count.</param>
/// <param name="OperatorSecretHash">SHA-256 of the secret that the pod's operator bears.</param>
public sealed record PodKeys(ECDsa Own, TrustedKeys Trusted, byte[] OperatorSecretHash);
