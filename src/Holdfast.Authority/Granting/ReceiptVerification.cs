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
        var verified = receipts.Select(bytes => (Bytes: bytes, Receipt: pod.Verify(bytes))).ToList();
        foreach (var (_, receipt) in verified)
        {
            if (!IsSignedBy(computer, account, receipt))
            {
                throw new HoldfastException(FailureTable.Forbidden, $"Object {receipt.Name} is not signed by this computer.");
            }
        }

        return verified;
    }

    /// <summary>True if the object that a receipt speaks of was written and signed by this computer of the account.</summary>
    public static bool IsSignedBy(CertifiedComputer computer, AccountId account, Receipt receipt) =>
        receipt.Account == account && receipt.Computer == computer.Number
        && Signatures.Verify(computer.SigningKey.Span, receipt.Type == ObjectType.Pack ? Signatures.PackLabel : Signatures.ObjectLabel, receipt.Checksum.Span, receipt.ObjectSignature.Span);
}
