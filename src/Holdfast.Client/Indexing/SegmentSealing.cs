using System.Buffers.Binary;
using System.Security.Cryptography;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;

namespace Holdfast.Client.Indexing;

/// <summary>Seals a segment's pages under the group's index key, and opens them: one derived key a segment, the page number as nonce.</summary>
internal static class SegmentSealing
{
    private const string What = "index segment";

    /// <summary>The body of a segment object; <paramref name="number"/> is the object's.</summary>
    public static ByteWriter Seal(AccountId account, uint number, GroupKeys group, SegmentContent content, RandomSource random)
    {
        var entryPages = SegmentFooter.Pages(content.Entries.Count, SegmentLayout.EntriesPerPage);
        var directoryPages = SegmentFooter.Pages(content.Frames.Count, SegmentLayout.DirectoryPerPage);
        var plain = new byte[(directoryPages + entryPages + 1) * SegmentLayout.PagePlainLength];
        for (var i = 0; i < content.Frames.Count; i++)
        {
            content.Frames[i].Write(plain.AsSpan(Position(0, i, SegmentLayout.DirectoryPerPage, DirectoryEntry.Size)));
        }

        for (var i = 0; i < content.Entries.Count; i++)
        {
            content.Entries[i].Write(plain.AsSpan(Position(directoryPages, i, SegmentLayout.EntriesPerPage, BlobRow.Size)));
        }

        new SegmentFooter(content.Frames.Count, content.Entries.Count).Write(plain.AsSpan((directoryPages + entryPages) * SegmentLayout.PagePlainLength));
        var salt = ObjectSealer.HedgedSalt(group.IndexKey, Context(account, group.Group, number), plain, random);
        var layout = new SegmentLayout([.. content.PacksCovered], [], directoryPages, entryPages, salt);
        var writer = new ByteWriter(layout.BodyLength);
        layout.Append(writer);
        using var aead = ObjectSealer.Cipher(group.IndexKey, Context(account, group.Group, number), salt);
        for (var page = 0; page < layout.PageCount; page++)
        {
            var sealedPage = writer.Reserve(SegmentLayout.PageLength);
            aead.Encrypt(Nonce(page), plain.AsSpan(page * SegmentLayout.PagePlainLength, SegmentLayout.PagePlainLength),
                sealedPage[..SegmentLayout.PagePlainLength], sealedPage[SegmentLayout.PagePlainLength..], Associated(account, group.Group, number, page, layout.PageCount));
        }

        return writer;
    }

    /// <summary>Opens a whole segment; pages that were changed, swapped or cut are a <see cref="MalformedObjectException"/>.</summary>
    public static SegmentContent Open(SignedObject segment, GroupKeys group)
    {
        var (account, number) = (segment.Header.Account, segment.Header.Number);
        var layout = SegmentLayout.Parse(segment.Body.Span);
        using var aead = ObjectSealer.Cipher(group.IndexKey, Context(account, group.Group, number), layout.Salt);
        var plain = new byte[layout.PageCount * SegmentLayout.PagePlainLength];
        for (var page = 0; page < layout.PageCount; page++)
        {
            var sealedPage = segment.Body.Span.Slice(layout.PagesOffset + (page * SegmentLayout.PageLength), SegmentLayout.PageLength);
            try
            {
                aead.Decrypt(Nonce(page), sealedPage[..SegmentLayout.PagePlainLength], sealedPage[SegmentLayout.PagePlainLength..],
                    plain.AsSpan(page * SegmentLayout.PagePlainLength, SegmentLayout.PagePlainLength), Associated(account, group.Group, number, page, layout.PageCount));
            }
            catch (AuthenticationTagMismatchException exception)
            {
                throw new MalformedObjectException(What, $"page {page} does not open: damaged, forged or misplaced", exception);
            }
        }

        var footer = SegmentFooter.Parse(plain.AsSpan((layout.PageCount - 1) * SegmentLayout.PagePlainLength), layout);
        var frames = new DirectoryEntry[footer.Frames];
        for (var i = 0; i < frames.Length; i++)
        {
            frames[i] = DirectoryEntry.Read(plain.AsSpan(Position(0, i, SegmentLayout.DirectoryPerPage, DirectoryEntry.Size)));
        }

        var entries = new BlobRow[footer.Entries];
        for (var i = 0; i < entries.Length; i++)
        {
            entries[i] = BlobRow.Read(plain.AsSpan(Position(layout.DirectoryPages, i, SegmentLayout.EntriesPerPage, BlobRow.Size), BlobRow.Size), What);
            if (entries[i].Frame >= frames.Length || (i > 0 && entries[i].Id < entries[i - 1].Id))
            {
                throw new MalformedObjectException(What, "an entry names no frame, or entries are not sorted");
            }
        }

        return new SegmentContent(layout.PacksCovered, frames, entries);
    }

    private static SealContext Context(AccountId account, uint group, uint number) => new(account, group, SealedType.IndexPage, new Address(number, Address.WholeObject));

    private static int Position(int firstPage, int index, int perPage, int size) =>
        ((firstPage + (index / perPage)) * SegmentLayout.PagePlainLength) + (index % perPage * size);

    private static byte[] Nonce(int page)
    {
        var nonce = new byte[12];
        BinaryPrimitives.WriteUInt64LittleEndian(nonce.AsSpan(4), (ulong)page);
        return nonce;
    }

    /// <summary>Segment, page and last flag.</summary>
    private static byte[] Associated(AccountId account, uint group, uint number, int page, int pages)
    {
        var writer = new ByteWriter(36).Bytes(ObjectHeader.AssociatedData(account, group, SealedType.IndexPage, new Address(number, Address.WholeObject)));
        return writer.UInt32((uint)page).Byte(page == pages - 1 ? (byte)1 : (byte)0).ToArray();
    }
}
