using System.IO.Hashing;
using Holdfast.Format.Objects;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Archiving;

/// <summary>A ZIP (PKWARE APPNOTE 6.3.10) with ZIP64, names in UTF-8, modes of Unix and times; nothing is compressed, so that it is made as fast as files are restored.</summary>
/// <remarks>
/// Lengths are known and stand before the content, checksums behind it (bit 3). Times are UTC: in the DOS field, in the extended timestamp where they fit, else as a FILETIME.
/// The central directory is kept in a stream of its own until the end: memory does not grow with the number of entries.
/// </remarks>
/// <param name="output">Takes the archive.</param>
/// <param name="directory">Keeps the central directory: read from its beginning at the end.</param>
/// <param name="written">Bytes that stand in the output already, from an earlier run.</param>
/// <param name="entries">Entries that stand in the directory already.</param>
internal sealed class ZipFormat(Stream output, Stream directory, long written = 0, long entries = 0) : IArchiveFormat
{
    private const uint LocalSignature = 0x04034b50;
    private const uint DescriptorSignature = 0x08074b50;
    private const uint CentralSignature = 0x02014b50;
    private const uint End64Signature = 0x06064b50;
    private const uint Locator64Signature = 0x07064b50;
    private const uint EndSignature = 0x06054b50;
    private const ushort ExtraZip64 = 0x0001;
    private const ushort ExtraFileTime = 0x000a;
    private const ushort ExtraTimestamp = 0x5455;
    private const ushort ExtraOwner = 0x7875;
    private const ushort VersionPlain = 20;
    private const ushort Version64 = 45;
    private const ushort MadeByUnix = 3 << 8;

    /// <summary>Names in UTF-8, checksum and lengths behind the content.</summary>
    private const ushort Flags = 0x0808;

    private const long Unix1601 = 11_644_473_600;
    private const uint Regular = 0x8000;
    private const uint Folder = 0x4000;
    private const uint Link = 0xA000;

    private readonly Crc32 _checksum = new();
    private Header? _open;

    public bool HasHardLinks => false;

    /// <summary>Bytes in the output.</summary>
    public long Written { get; private set; } = written;

    /// <summary>Entries in the directory.</summary>
    public long Entries { get; private set; } = entries;

    public async ValueTask<string?> BeginAsync(ArchiveEntry entry, CancellationToken cancellation)
    {
        var kind = entry.Entry.Type switch
        {
            EntryType.File => Regular,
            EntryType.Directory => Folder,
            EntryType.SymbolicLink => Link,
            var other => throw new CannotHoldException($"a ZIP cannot hold a {other switch { EntryType.Fifo => "fifo", EntryType.Socket => "socket", _ => "device" }}"),
        };
        var (path, isSame) = ArchiveNames.ForText(kind == Folder ? [.. entry.Path, (byte)'/'] : entry.Path);
        if (path.Length > ushort.MaxValue)
        {
            throw new CannotHoldException("a ZIP cannot hold a name this long");
        }

        if (entry.Entry.Size > long.MaxValue)
        {
            throw new CannotHoldException("it is longer than a file can be");
        }

        _open = new Header(path, entry.Entry, (kind | entry.Entry.Mode) << 16 | (kind == Folder ? 0x10u : 0), kind == Link ? entry.Entry.LinkTarget!.Length : (long)entry.Entry.Size, Written);
        _checksum.Reset();
        await PutAsync(_open.Local(), cancellation);
        if (kind == Link)
        {
            await WriteAsync(entry.Entry.LinkTarget, cancellation);
        }

        return isSame ? null : $"a ZIP cannot hold its name; it is there as /{System.Text.Encoding.UTF8.GetString(path)}";
    }

    public ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        _checksum.Append(content.Span);
        return PutAsync(content, cancellation);
    }

    public async ValueTask EndAsync(CancellationToken cancellation)
    {
        var checksum = _checksum.GetCurrentHashAsUInt32();
        await PutAsync(_open!.Descriptor(checksum), cancellation);
        await directory.WriteAsync(_open.Central(checksum), cancellation);
        Entries++;
    }

    /// <summary>Its bytes stay as a gap that no entry of the central directory names.</summary>
    public ValueTask<string> AbandonAsync(CancellationToken cancellation) => ValueTask.FromResult("it is not in the ZIP");

    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        var start = Written;
        directory.Position = 0;
        var buffer = new byte[64 << 10];
        for (int read; (read = await directory.ReadAsync(buffer, cancellation)) > 0;)
        {
            await PutAsync(buffer.AsMemory(0, read), cancellation);
        }

        var length = Written - start;
        if (Entries >= ushort.MaxValue || start >= uint.MaxValue || length >= uint.MaxValue)
        {
            var end64 = Written;
            await PutAsync(new ByteWriter(76)
                .UInt32(End64Signature).Int64(44).UInt16(MadeByUnix | Version64).UInt16(Version64).UInt32(0).UInt32(0).Int64(Entries).Int64(Entries).Int64(length).Int64(start)
                .UInt32(Locator64Signature).UInt32(0).Int64(end64).UInt32(1).ToArray(), cancellation);
        }

        await PutAsync(new ByteWriter(22).UInt32(EndSignature).UInt16(0).UInt16(0).UInt16(Short(Entries)).UInt16(Short(Entries)).UInt32(Long(length)).UInt32(Long(start)).UInt16(0).ToArray(), cancellation);
    }

    private async ValueTask PutAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        await output.WriteAsync(bytes, cancellation);
        Written += bytes.Length;
    }

    private static ushort Short(long value) => (ushort)Math.Min(value, ushort.MaxValue);

    private static uint Long(long value) => (uint)Math.Min(value, uint.MaxValue);

    /// <summary>What is said of an entry before its content, behind it, and in the central directory.</summary>
    private sealed record Header(byte[] Path, TreeEntry Entry, uint Attributes, long Length, long Offset)
    {
        private bool IsLong => Length >= uint.MaxValue;

        public byte[] Local()
        {
            var extra = Extra(IsLong ? new ByteWriter(20).UInt16(ExtraZip64).UInt16(16).Int64(Length).Int64(Length).ToArray() : []);
            var writer = new ByteWriter(30 + Path.Length + extra.Length).UInt32(LocalSignature).UInt16(IsLong ? Version64 : VersionPlain).UInt16(Flags).UInt16(0).UInt32(DosTime())
                .UInt32(0).UInt32(Long(Length)).UInt32(Long(Length)).UInt16((ushort)Path.Length).UInt16((ushort)extra.Length);
            return writer.Bytes(Path).Bytes(extra).ToArray();
        }

        public byte[] Descriptor(uint checksum)
        {
            var writer = new ByteWriter(24).UInt32(DescriptorSignature).UInt32(checksum);
            return (IsLong ? writer.Int64(Length).Int64(Length) : writer.UInt32((uint)Length).UInt32((uint)Length)).ToArray();
        }

        public byte[] Central(uint checksum)
        {
            var isFar = Offset >= uint.MaxValue;
            var longs = new ByteWriter(28);
            if (IsLong || isFar)
            {
                longs.UInt16(ExtraZip64).UInt16((ushort)((IsLong ? 16 : 0) + (isFar ? 8 : 0)));
                _ = IsLong ? longs.Int64(Length).Int64(Length) : longs;
                _ = isFar ? longs.Int64(Offset) : longs;
            }

            var extra = Extra(longs.ToArray());
            var writer = new ByteWriter(46 + Path.Length + extra.Length).UInt32(CentralSignature).UInt16((ushort)(MadeByUnix | (IsLong || isFar ? Version64 : VersionPlain)))
                .UInt16(IsLong || isFar ? Version64 : VersionPlain).UInt16(Flags).UInt16(0).UInt32(DosTime()).UInt32(checksum).UInt32(Long(Length)).UInt32(Long(Length))
                .UInt16((ushort)Path.Length).UInt16((ushort)extra.Length).UInt16(0).UInt16(0).UInt16(0).UInt32(Attributes).UInt32(Long(Offset));
            return writer.Bytes(Path).Bytes(extra).ToArray();
        }

        private byte[] Extra(byte[] longs)
        {
            var writer = new ByteWriter(longs.Length + 64).Bytes(longs);
            if (Entry.ModifiedSeconds is >= int.MinValue and <= int.MaxValue)
            {
                writer.UInt16(ExtraTimestamp).UInt16(5).Byte(1).UInt32(unchecked((uint)(int)Entry.ModifiedSeconds));
            }

            if (Entry.ModifiedSeconds is >= -Unix1601 and < 900_000_000_000)
            {
                var time = ((Entry.ModifiedSeconds + Unix1601) * 10_000_000) + (Entry.ModifiedNanoseconds / 100);
                writer.UInt16(ExtraFileTime).UInt16(32).UInt32(0).UInt16(1).UInt16(24).Int64(time).Int64(time).Int64(time);
            }

            return writer.UInt16(ExtraOwner).UInt16(11).Byte(1).Byte(4).UInt32(Entry.Owner).Byte(4).UInt32(Entry.Group).ToArray();
        }

        /// <summary>Date and time in steps of two seconds, from 1980 to 2107.</summary>
        private uint DosTime()
        {
            var time = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(Entry.ModifiedSeconds, 315_532_800, 4_354_819_198));
            return (uint)((time.Year - 1980) << 25 | time.Month << 21 | time.Day << 16 | time.Hour << 11 | time.Minute << 5 | time.Second / 2);
        }
    }
}
