using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Serving;

/// <summary>The public keys whose grants a pod honours: at most two, so that the authority can change to a new one while grants under the old one are under way. Thread-safe.</summary>
public sealed class TrustedKeys
{
    public const int KeysMax = 2;

    private readonly Action<IReadOnlyList<byte[]>> _keep;
    private IReadOnlyList<ECDsa> _keys;

    /// <param name="publicKeys">Keys trusted from the start, as 65 bytes each; none means that every grant is refused.</param>
    /// <param name="keep">Writes them down durably, before they count.</param>
    public TrustedKeys(IReadOnlyList<byte[]> publicKeys, Action<IReadOnlyList<byte[]>> keep)
    {
        (_keys, _keep) = (Import(publicKeys), keep);
    }

    /// <summary>The keys at this moment, the newest first.</summary>
    public IReadOnlyList<ECDsa> Keys => Volatile.Read(ref _keys);

    /// <summary>From here on these keys count, and no others.</summary>
    public void Replace(IReadOnlyList<byte[]> publicKeys)
    {
        if (publicKeys.Count is 0 or > KeysMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A pod trusts one or {KeysMax} keys.");
        }

        // The old ones are not disposed of: requests may be verifying with them.
        var keys = Import(publicKeys);
        _keep(publicKeys);
        Volatile.Write(ref _keys, keys);
    }

    private static IReadOnlyList<ECDsa> Import(IReadOnlyList<byte[]> publicKeys) =>
        [.. publicKeys.Select(bytes => Signatures.TryImport(bytes) ?? throw new HoldfastException(FailureTable.InvalidRequest, "A trusted key is no point of P-256."))];
}
