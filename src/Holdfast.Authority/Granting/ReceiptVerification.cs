using Holdfast.Authority.Placing;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Granting;

/// <summary>A receipt counts if a pod signed it, and the object it is for was signed by the computer that hands it in.</summary>
internal static class ReceiptVerification
{
    public static List<(byte[] Bytes, Receipt Receipt)> Verify(PodClient pod, CertifiedComputer computer, AccountId account, IReadOnlyList<byte[]> receipts)
    {
        using var key = Signatures.TryImport(computer.SigningKey.Span)
            ?? throw new HoldfastException(FailureTable.Forbidden, "The computer's certified key is no key.");
        var verified = receipts.Select(bytes => (Bytes: bytes, Receipt: pod.Verify(bytes))).ToList();
        foreach (var (_, receipt) in verified)
        {
            var label = receipt.Type == ObjectType.Pack ? Signatures.PackLabel : Signatures.ObjectLabel;
            if (receipt.Account != account || receipt.Computer != computer.Number
                || !Signatures.Verify(key, label, receipt.Checksum.Span, receipt.ObjectSignature.Span))
            {
                throw new HoldfastException(FailureTable.Forbidden, $"Object {receipt.Name} is not signed by this computer.");
            }
        }

        return verified;
    }
}
