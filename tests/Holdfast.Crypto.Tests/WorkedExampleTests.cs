using System.Security.Cryptography;
using System.Text;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Format.Trees;

namespace Holdfast.Crypto.Tests;

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
            ("recovery key of 20 zero bytes", Encoding.ASCII.GetBytes(RecoveryKey.Create(count => new byte[count]))),
        };
        return string.Join('\n', lines.Select(line => $"{line.Name} = {Convert.ToHexStringLower(line.Value)}"));
    }

    private static byte[] MarkOf(BlobHasher hasher, string name)
    {
        var mark = new byte[8];
        System.Buffers.Binary.BinaryPrimitives.WriteUInt64BigEndian(mark, hasher.NodeMark(Encoding.ASCII.GetBytes(name)));
        return mark;
    }
}
