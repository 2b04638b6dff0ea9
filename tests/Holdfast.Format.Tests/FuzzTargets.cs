using Holdfast.Format.Accounts;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Grants;

namespace Holdfast.Format.Tests;

/// <summary>A parser of bytes from outside, and a valid example to mutate.</summary>
public sealed record FuzzTarget(string Name, Func<byte[]> Seed, Action<byte[]> Parse);

/// <summary>Every parser of bytes from outside.</summary>
public static class FuzzTargets
{
    public static IReadOnlyList<FuzzTarget> All { get; } =
    [
        new("object header", () => Samples.Pack(1, 1)[..64], bytes => ObjectHeader.Read(bytes)),
        new("pack", () => Samples.Pack(3, 2), bytes => PackTables.Parse(bytes).FirstDamagedFrame(bytes)),
        new("compacted pack", () => PackCopier.Copy(9, [Samples.Pack(3, 3)], address => address.Slot != 1), bytes => PackTables.Parse(bytes)),
        new("pack trailer", () => Samples.Pack(3, 2)[^PackTrailer.Length..], bytes => PackTrailer.Parse(bytes, 1 << 20)),
        new("frame table", () => PackTables.Parse(Samples.Pack(3, 2)).FrameTableBytes.ToArray(), bytes => FrameTable.Parse(bytes, 1 << 20)),
        new("blob table", Samples.BlobTable, bytes => BlobTable.Parse(bytes, 2)),
        new("padded plaintext", () => { var bytes = new byte[4080]; PaddedPlaintext.Frame(bytes, 100, Codec.Stored); return bytes; }, bytes => PaddedPlaintext.Parse(bytes)),
        new("index segment", Samples.SegmentBody, bytes => SegmentLayout.Parse(bytes)),
        new("directory entry", () => new byte[32], bytes => DirectoryEntry.Read(Padded(bytes, 32))),
        new("blob row", () => Samples.BlobTable()[4..52], bytes => BlobRow.Read(Padded(bytes, 48), "row")),
        new("segment footer", () => { var page = new byte[64]; new SegmentFooter(3, 5).Write(page); return page; }, bytes => SegmentFooter.Parse(bytes, new SegmentLayout([], [], 1, 1, []))),
        new("signed object", () => Samples.Signed(ObjectType.Snapshot), bytes => SignedObject.Parse(bytes, ObjectType.Snapshot)),
        new("tree node", Samples.TreeNode, bytes => TreeNode.Decode(bytes)),
        new("tree index node", Samples.IndexNode, bytes => TreeNode.Decode(bytes)),
        new("tree entry", () => Samples.Entry("x").Encode(), bytes => TreeEntry.Decode(bytes)),
        new("chunk list node", Samples.ListNode, bytes => ListNode.Decode(bytes)),
        new("extended attributes", () => ExtendedAttributes.Encode(Samples.Entry("x").Attributes), bytes => ExtendedAttributes.Decode(bytes)),
        new("snapshot body", () => Samples.Body().Encode(), bytes => SnapshotBody.Decode(bytes)),
        new("snapshot object", Samples.SnapshotObject, bytes => SnapshotObject.Parse(bytes)),
        new("map page", Samples.MapPage, bytes => MapPage.Parse(bytes)),
        new("head", () => Samples.Head().Bytes.ToArray(), bytes => Head.Parse(bytes)),
        new("statement", () => Samples.Genesis().Bytes.ToArray(), bytes => Statement.Parse(bytes)),
        new("account log", () => Samples.Genesis().Bytes.ToArray(), bytes => AccountLog.Verify([bytes])),
        new("keyring", Samples.Keyring, bytes => KeyringObject.Parse(bytes)),
        new("keyring body", Samples.KeyringBody, bytes => KeyringBody.Decode(bytes)),
        new("grant", () => System.Text.Encoding.ASCII.GetBytes(Grant()), bytes => Protocol.Grants.Grant.TryVerify(System.Text.Encoding.Latin1.GetString(bytes), [Samples.Key], DateTimeOffset.UnixEpoch)),
        new("restorer pass", () => System.Text.Encoding.ASCII.GetBytes(new RestorerPass(PassPurpose.Download, Guid.Empty, DateTimeOffset.UnixEpoch.AddDays(1)).Sign(Samples.Key)), bytes => RestorerPass.TryVerify(System.Text.Encoding.Latin1.GetString(bytes), Samples.Key, DateTimeOffset.UnixEpoch)),
        new("receipt", () => Receipt().Sign(Samples.Key), bytes => Protocol.Grants.Receipt.Parse(bytes)),
    ];

    private static string Grant() => new Grant { Method = GrantMethod.Put, Name = new ObjectName(Samples.Account, ObjectSpace.Numbered, 5), LengthMax = 10, Flow = new GrantFlow { AccountRate = 5 << 20, SharedRate = 1, AtOnce = 3, Weight = 16, IsCatchingUp = true }, Expires = DateTimeOffset.UnixEpoch.AddDays(1) }.Sign(Samples.Key);

    private static Receipt Receipt() => new() { Type = ObjectType.Pack, Kind = 1, Account = Samples.Account, Name = 5, Length = 10, Checksum = new byte[32], ObjectSignature = new byte[64] };

    private static byte[] Padded(byte[] bytes, int length)
    {
        Array.Resize(ref bytes, length);
        return bytes;
    }
}
