using System.Security.Cryptography;
using System.Text;
using Holdfast.Client.Chunking;
using Holdfast.Client.Packing;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Tests;

/// <summary>docs/format.md ends with a worked example; each of its lines is what the program computes.</summary>
public sealed class WorkedExampleTests
{
    [Fact]
    public void Every_line_of_the_document_is_what_the_program_computes()
    {
        var document = File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "format.md"));
        var written = document.Split("```example\n")[1].Split("\n```")[0];
        Assert.Equal(Compute(), written);
    }

    private static string Compute()
    {
        byte[] secret = [.. Enumerable.Range(0, 32).Select(i => (byte)i)];
        var account = new AccountId(secret.AsSpan(0, 16));
        var group = new GroupKeys(1, secret);
        using var hasher = new BlobHasher(group);
        var hello = Encoding.ASCII.GetBytes("hello");
        var id = hasher.Id(BlobType.Data, hello);
        var context = new SealContext(account, 1, SealedType.DataFrame, new Address(7, 3));
        var sealedHello = ObjectSealer.SealPadded(secret, context, hello, count => new byte[count]);
        var entry = new TreeEntry
        {
            Name = Encoding.ASCII.GetBytes("letter.txt"), Type = EntryType.File, Mode = 420, Owner = 1000, Group = 1000, ModifiedSeconds = 1_700_000_000, ModifiedNanoseconds = 5,
            Size = 5, Content = [new ContentItem(5, id)],
        };
        var node = TreeNode.Encode(0, [entry.Encode()]);
        var map = new ReferenceMap();
        map.Add(new Address(7, 3));
        map.Add(new Address(7, 9));
        var header = new byte[ObjectHeader.Length];
        new ObjectHeader { Type = ObjectType.Pack, Kind = 1, Number = 7, Account = account, Group = 1, Computer = 2 }.Write(header);
        var (pack, tables, blobs) = Pack(account, group, secret, hello, id);
        var lines = new (string Name, byte[] Value)[]
        {
            ("blob id key", group.IdKey),
            ("index key", group.IndexKey),
            ("chunker key", group.ChunkerKey),
            ("session psk", group.PreSharedKey),
            ("id of the data blob 'hello'", id.ToArray()),
            ("mark of the name 'letter.txt'", MarkOf(hasher, "letter.txt")),
            ("header of pack 7 by computer 2", header),
            ("AAD of a data frame at (7, 3)", context.AssociatedData()),
            ("salt of 'hello' sealed there, parent = group secret", sealedHello[..32]),
            ("H(salt and ciphertext)", SHA256.HashData(sealedHello)),
            ("entry letter.txt", entry.Encode()),
            ("id of the tree node with it", hasher.Id(BlobType.Tree, node).ToArray()),
            ("map page body with frames 3 and 9 of pack 7", map.Pages().Single().Encode()),
            ("blob table of the pack, plain", BlobTable.Encode(blobs)),
            ("frame table of the pack", tables.FrameTableBytes.ToArray()),
            ("checksum of the pack", tables.Trailer.Checksum.ToArray()),
            ("trailer of the pack, signature zeroed", pack[^PackTrailer.Length..]),
            ("length of the pack, u32", BitConverter.GetBytes(pack.Length)),
            ("H(pack, signature zeroed)", SHA256.HashData(pack)),
            ("H(data that is cut)", SHA256.HashData(CutData())),
            ("cuts of it, u32 each", Cuts(group)),
            ("recovery key of 20 zero bytes", Encoding.ASCII.GetBytes(RecoveryKey.Create(count => new byte[count]))),
        };
        return string.Join('\n', lines.Select(line => $"{line.Name} = {Convert.ToHexStringLower(line.Value)}"));
    }

    /// <summary>Pack 7 with one data frame, 'hello', as the packer lays it out; signatures are never twice the same, so it is zeroed here.</summary>
    private static (byte[] Pack, PackTables Tables, IReadOnlyList<BlobRow> Blobs) Pack(AccountId account, GroupKeys group, byte[] sessionKey, byte[] hello, BlobId id)
    {
        RandomSource zeros = count => new byte[count];
        using var codec = new FrameCodec();
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var plaintext = new byte[FrameCodec.EncodedLengthMax(hello.Length)];
        var length = codec.Encode(hello, plaintext);
        var draft = new PackDraft(new Protocol.Messages.UploadGrant(7, ""), new byte[PackDraft.BufferLength]);
        var (slot, offset) = draft.TryReserve(length + PaddedPlaintext.TagLength, 1)!.Value;
        var (address, salt) = (new Address(7, slot), new byte[FrameRow.SaltLength]);
        var target = draft.Buffer.AsSpan(offset, length + PaddedPlaintext.TagLength);
        ObjectSealer.Seal(sessionKey, new SealContext(account, 1, SealedType.DataFrame, address), plaintext.AsSpan(0, length), target, salt, zeros);
        draft.Fill(new FrameRow(address, 0, FrameKind.Data, offset, target.Length, salt, SHA256.HashData(target)), [new BlobRow(id, 0, 0, (uint)hello.Length, BlobType.Data)]);
        draft.Close();
        var session = new SessionId(Filled(3, SessionId.Length));
        var header = new ObjectHeader { Type = ObjectType.Pack, Kind = 1, Number = 7, Account = account, Group = 1, Computer = 2, Session = session };
        var sealedKey = new SealedSessionKey(session, 1, 2, Filled(4, SealedSessionKey.EncapsulatedLength), Filled(5, SealedSessionKey.CiphertextLength));
        var total = draft.Finish(header, new FrameTable { Sessions = [sealedKey], Frames = draft.Frames }, group.IndexKey, key, zeros);
        var pack = draft.Buffer[..total];
        pack.AsSpan(total - PackTrailer.Length + 48, Signatures.Length).Clear();
        return (pack, PackTables.Parse(pack), draft.Blobs);
    }

    private static byte[] Filled(byte value, int count) => [.. Enumerable.Repeat(value, count)];

    /// <summary>H(u32 0) ‖ H(u32 1) ‖ …, one mebibyte.</summary>
    private static byte[] CutData() => [.. Enumerable.Range(0, 1 << 15).SelectMany(number => SHA256.HashData(BitConverter.GetBytes(number)))];

    private static byte[] Cuts(GroupKeys group)
    {
        var (data, chunker, cuts) = (CutData(), new Chunker(group.ChunkerKey), new List<byte>());
        for (var start = 0; start < data.Length;)
        {
            start += chunker.NextCut(data.AsSpan(start, Math.Min(Chunker.LengthMax, data.Length - start)));
            cuts.AddRange(BitConverter.GetBytes(start));
        }

        return [.. cuts];
    }

    private static byte[] MarkOf(BlobHasher hasher, string name)
    {
        var mark = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(mark, hasher.NodeMark(Encoding.ASCII.GetBytes(name)));
        return mark;
    }
}
