using System.Security.Cryptography;
using Holdfast.Format.Accounts;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Format.Trees;

namespace Holdfast.Format.Tests;

/// <summary>One valid example of everything that has a parser.</summary>
internal static class Samples
{
    public static readonly AccountId Account = AccountId.Parse("000102030405060708090a0b0c0d0e0f");
    public static readonly ECDsa Key = ECDsa.Create(ECCurve.NamedCurves.nistP256);

    public static byte[] PublicKey => Signatures.ExportPublic(Key);

    public static BlobId Id(int value) => new(SHA256.HashData(BitConverter.GetBytes(value)));

    /// <summary>A pack of <paramref name="frames"/> frames of 4 KiB of noise each.</summary>
    public static byte[] Pack(uint number, int frames, int seed = 1, bool signed = true)
    {
        var random = new Random(seed);
        var writer = new ByteWriter().Zeros(Limits.Alignment);
        var session = new SealedSessionKey(new SessionId(Bytes(random, 16)), 1, 2, Bytes(random, 65), Bytes(random, 48));
        var table = new FrameTable { Sessions = [session] };
        for (var i = 0; i < frames; i++)
        {
            var bytes = Bytes(random, Limits.Alignment);
            table.Frames.Add(new FrameRow(new Address(number, (uint)i), 0, i % 2 == 0 ? FrameKind.Data : FrameKind.Tree, writer.Length, bytes.Length, Bytes(random, 32), SHA256.HashData(bytes)));
            writer.Bytes(bytes);
        }

        new ObjectHeader { Type = ObjectType.Pack, Kind = 1, Number = number, Account = Account, Group = 1, Computer = 2 }.Write(writer.WrittenForUpdate(ObjectHeader.Length));
        var (frameTable, blobTable, checksum) = (table.Encode(), Bytes(random, 32 + Limits.Alignment), new byte[32]);
        PackTables.Checksum(writer.Written, frameTable, blobTable, [], checksum);
        writer.Bytes(writer.Written[..ObjectHeader.Length]).Bytes(frameTable).Bytes(blobTable);
        new PackTrailer(frameTable.Length, blobTable.Length, 0, checksum, signed ? Signatures.Sign(Key, Signatures.PackLabel, checksum) : new byte[64]).Write(writer.Reserve(PackTrailer.Length));
        return writer.ToArray();
    }

    public static TreeEntry Entry(string name) => new()
    {
        Name = System.Text.Encoding.UTF8.GetBytes(name), Type = EntryType.File, Mode = 0x1A4, Owner = 1000, Group = 1000, ModifiedSeconds = -5, ModifiedNanoseconds = 999_999_999,
        Size = 30, Content = [new ContentItem(10, Id(1)), new ContentItem(20, null)], Attributes = [new ExtendedAttribute("user.a"u8.ToArray(), [1, 2])], HardLink = new HardLink(0, 77),
    };

    public static byte[] TreeNode() => Trees.TreeNode.Encode(0, [Entry("a").Encode(), Entry("b").Encode(),
        (Entry("c") with { Type = EntryType.Directory, Size = 0, Content = [], Node = Id(3), HardLink = null }).Encode()]);

    public static byte[] IndexNode() => Trees.TreeNode.Encode(1, [Trees.TreeNode.EncodeChild("a"u8, Id(1)), Trees.TreeNode.EncodeChild("m"u8, Id(2))]);

    public static byte[] ListNode() => Trees.ListNode.Encode(0, [Trees.ListNode.EncodeItem(new ContentItem(5, Id(1))), Trees.ListNode.EncodeItem(new ContentItem(1UL << 40, null))]);

    public static byte[] BlobTable() => Packs.BlobTable.Encode([new BlobRow(Id(1), 0, 0, 100, BlobType.Data), new BlobRow(Id(2), 1, 0, 50, BlobType.Tree)]);

    public static SnapshotBody Body() => new()
    {
        Root = Id(9), Host = "host", Paths = ["/home"u8.ToArray(), [0xFF, 0xFE]], TimeNanoseconds = 1_700_000_000_000_000_000, Tags = ["a"], Files = 1, Directories = 2, Others = 3, Bytes = 4,
        Unread = 5, Program = "test", IsPartial = true,
    };

    public static byte[] MapPage() => new MapPage(2, [(2048, [1]), (2050, [0, 128])]).Encode();

    public static byte[] SnapshotObject() => new SnapshotObject(
        [new MapPageReference(0, 5, new byte[32]), new MapPageReference(3, 6, new byte[32])], [new HeadSighting(2, 9, new byte[32])],
        new SealedSessionKey(default, 1, 2, new byte[65], new byte[48]), new byte[32], new byte[Limits.Alignment]).Encode();

    public static Head Head(uint sequence = 1, byte[]? previous = null) => new Head
    {
        Account = Account, Group = 1, Computer = 2, Sequence = sequence, Previous = previous ?? new byte[32], SnapshotNumber = 7, SnapshotHash = new byte[32], PageListHash = new byte[32],
        TimeNanoseconds = 5, SightingsHash = new byte[32],
    }.Sign(Key);

    public static Statement Genesis() => new Statement
    {
        Account = Account, Sequence = 1, Previous = new byte[32], Kind = StatementKind.Genesis, Key = PublicKey, AccountKey = PublicKey,
    }.Sign(Key);

    public static byte[] Keyring() => new KeyringObject(Account, 1,
        [new KeyringSlot(1, SlotKind.Passphrase, 65536, 4, 1, new byte[16], new byte[32], new byte[65], new byte[48]), new KeyringSlot(2, SlotKind.RecoveryKey, 0, 0, 0, new byte[16], new byte[32], new byte[65], new byte[48])],
        new byte[32], new byte[Limits.Alignment]).Sign(Key).Bytes.ToArray();

    public static byte[] KeyringBody() => new KeyringBody(new byte[32], [new AccountKeyPair(new byte[65], new byte[32])], new Dictionary<uint, byte[]> { [1] = new byte[32] }).Encode();

    public static byte[] SegmentBody()
    {
        var layout = new SegmentLayout([1, 2], [9], 1, 1, new byte[32]);
        var writer = new ByteWriter();
        layout.Append(writer);
        return writer.Zeros(layout.BodyLength - writer.Length).ToArray();
    }

    public static byte[] Signed(ObjectType type) => SignedObject.Build(new ObjectHeader { Type = type, Number = 4, Account = Account, Group = 1, Computer = 2 }, new byte[100], Key);

    private static byte[] Bytes(Random random, int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }
}
