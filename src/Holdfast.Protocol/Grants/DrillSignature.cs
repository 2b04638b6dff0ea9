using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Protocol.Grants;

/// <summary>A computer's signature under a restore drill: over label ‖ account 16 ‖ computer u32 ‖ started, ended, seed i64 ‖ files u32 ‖ bytes i64 ‖ failures u32 ‖ evidence hash 32 ‖ head ids.</summary>
public static class DrillSignature
{
    private static ReadOnlySpan<byte> Label => "holdfast drill v1\0"u8;

    public static HandInDrill Sign(HandInDrill drill, AccountId account, uint computer, ECDsa signingKey) =>
        drill with { Signature = Signatures.Sign(signingKey, Label, Message(drill, account, computer)) };

    public static bool IsSigned(HandInDrill drill, AccountId account, uint computer, ReadOnlySpan<byte> publicKey) =>
        Signatures.Verify(publicKey, Label, Message(drill, account, computer), drill.Signature);

    private static byte[] Message(HandInDrill drill, AccountId account, uint computer)
    {
        var writer = new ByteWriter(128);
        account.Write(writer.Reserve(AccountId.Length));
        writer.UInt32(computer).Int64(drill.StartedAt).Int64(drill.EndedAt).Int64(drill.Seed).UInt32((uint)drill.Files).Int64(drill.Bytes).UInt32((uint)drill.Failures).Bytes(drill.EvidenceHash);
        foreach (var id in drill.Snapshots)
        {
            writer.Bytes(System.Text.Encoding.ASCII.GetBytes(id));
        }

        return writer.ToArray();
    }
}
