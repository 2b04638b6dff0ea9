using System.Globalization;
using System.Text;
using Holdfast.Format.Trees;

namespace Holdfast.Client.Archiving;

/// <summary>A tar in the pax interchange format (POSIX.1-2017, pax): names are the bytes they are, times exact to the nanosecond, extended attributes as <c>SCHILY.xattr.*</c>, as GNU tar, bsdtar and star read them.</summary>
internal sealed class TarFormat(Stream output) : IArchiveFormat
{
    private const int Block = 512;
    private const long OctalMax = (1L << 33) - 1;
    private const uint IdMax = (1 << 21) - 1;

    private static readonly byte[] _zeros = new byte[20 * Block];
    private long _written;
    private ulong _left;

    public bool HasHardLinks => true;

    public async ValueTask<string?> BeginAsync(ArchiveEntry archived, CancellationToken cancellation)
    {
        var (path, entry) = (archived.Path, archived.Entry);
        if (entry.Type == EntryType.Socket)
        {
            throw new CannotHoldException("a tar cannot hold a socket");
        }

        if (entry.Size > long.MaxValue)
        {
            throw new CannotHoldException("it is longer than a file can be");
        }

        var isLink = archived.LinkedTo is not null;
        var name = entry.Type == EntryType.Directory ? [.. path, (byte)'/'] : path;
        var linkName = archived.LinkedTo ?? entry.LinkTarget ?? [];
        var size = entry.Type == EntryType.File && !isLink ? entry.Size : 0;
        if (Extended(name, linkName, size, entry, isLink ? [] : archived.Attributes) is { Length: > 0 } extended)
        {
            await PutAsync(Header("pax"u8.ToArray(), [], (ulong)extended.Length, entry, (byte)'x'), cancellation);
            await PutAsync(extended, cancellation);
            await PadAsync(extended.Length, cancellation);
        }

        await PutAsync(Header(name, linkName, size, entry, isLink ? (byte)'1' : entry.Type switch
        {
            EntryType.File => (byte)'0',
            EntryType.Directory => (byte)'5',
            EntryType.SymbolicLink => (byte)'2',
            EntryType.CharacterDevice => (byte)'3',
            EntryType.BlockDevice => (byte)'4',
            _ => (byte)'6',
        }), cancellation);
        _left = size;
        return null;
    }

    public async ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        await PutAsync(content, cancellation);
        _left -= (ulong)content.Length;
    }

    public ValueTask EndAsync(CancellationToken cancellation) => PadAsync(_written, cancellation);

    /// <summary>The length stands before the content: what is missing becomes zeros.</summary>
    public async ValueTask<string> AbandonAsync(CancellationToken cancellation)
    {
        while (_left > 0)
        {
            await WriteAsync(_zeros.AsMemory(0, (int)Math.Min(_left, (ulong)_zeros.Length)), cancellation);
        }

        await PadAsync(_written, cancellation);
        return "in the tar, zeros stand for the rest of it";
    }

    /// <summary>Two blocks of zeros, and as many more as fill a record of 20.</summary>
    public async ValueTask FinishAsync(CancellationToken cancellation)
    {
        await PutAsync(_zeros.AsMemory(0, 2 * Block), cancellation);
        await PutAsync(_zeros.AsMemory(0, (int)((_zeros.Length - (_written % _zeros.Length)) % _zeros.Length)), cancellation);
    }

    /// <summary>What a plain header has no room for.</summary>
    private static byte[] Extended(byte[] name, byte[] linkName, ulong size, TreeEntry entry, IReadOnlyList<ExtendedAttribute> attributes)
    {
        using var records = new MemoryStream();
        if (!IsText(name) || !IsText(linkName))
        {
            Add(records, "hdrcharset"u8, "BINARY"u8);
        }

        if (name.Length > 100 || !IsText(name))
        {
            Add(records, "path"u8, name);
        }

        if (linkName.Length > 100 || !IsText(linkName))
        {
            Add(records, "linkpath"u8, linkName);
        }

        if (entry.ModifiedNanoseconds != 0 || entry.ModifiedSeconds is < 0 or > OctalMax)
        {
            // Nanoseconds are counted forward; a decimal fraction of a negative number counts backward.
            var (seconds, nanoseconds) = entry is { ModifiedSeconds: < 0, ModifiedNanoseconds: > 0 } ? (entry.ModifiedSeconds + 1, 1_000_000_000 - entry.ModifiedNanoseconds) : (entry.ModifiedSeconds, entry.ModifiedNanoseconds);
            var sign = entry.ModifiedSeconds < 0 && seconds == 0 ? "-" : "";
            Add(records, "mtime"u8, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{sign}{seconds}.{nanoseconds:D9}")));
        }

        AddNumber(records, "size"u8, (long)size, OctalMax);
        AddNumber(records, "uid"u8, entry.Owner, IdMax);
        AddNumber(records, "gid"u8, entry.Group, IdMax);
        foreach (var attribute in attributes)
        {
            Add(records, [.. "SCHILY.xattr."u8, .. Keyword(attribute.Name)], attribute.Value);
        }

        return records.ToArray();
    }

    /// <summary>A keyword ends at its first "=": GNU tar writes that, and "%", as %XX.</summary>
    private static byte[] Keyword(byte[] name) => [.. name.SelectMany(value => value switch { (byte)'%' => "%25"u8.ToArray(), (byte)'=' => "%3D"u8.ToArray(), _ => [value] })];

    private static void AddNumber(MemoryStream records, ReadOnlySpan<byte> key, long value, long plainMax)
    {
        if (value > plainMax)
        {
            Add(records, key, Encoding.ASCII.GetBytes(value.ToString(CultureInfo.InvariantCulture)));
        }
    }

    /// <summary>"length key=value\n", where the length counts itself.</summary>
    private static void Add(MemoryStream records, ReadOnlySpan<byte> key, ReadOnlySpan<byte> value)
    {
        var rest = key.Length + value.Length + 3;
        var length = rest + Digits(rest);
        length = rest + Digits(length);
        records.Write(Encoding.ASCII.GetBytes(length.ToString(CultureInfo.InvariantCulture)));
        records.Write(" "u8);
        records.Write(key);
        records.Write("="u8);
        records.Write(value);
        records.Write("\n"u8);
    }

    private static int Digits(int number) => number.ToString(CultureInfo.InvariantCulture).Length;

    private static byte[] Header(byte[] name, byte[] linkName, ulong size, TreeEntry entry, byte type)
    {
        var block = new byte[Block];
        name.AsSpan(0, Math.Min(name.Length, 100)).CopyTo(block);
        Octal(block.AsSpan(100, 8), entry.Mode);
        Octal(block.AsSpan(108, 8), Math.Min(entry.Owner, IdMax));
        Octal(block.AsSpan(116, 8), Math.Min(entry.Group, IdMax));
        Octal(block.AsSpan(124, 12), (long)Math.Min(size, OctalMax));
        Octal(block.AsSpan(136, 12), Math.Clamp(entry.ModifiedSeconds, 0, OctalMax));
        block[156] = type;
        linkName.AsSpan(0, Math.Min(linkName.Length, 100)).CopyTo(block.AsSpan(157));
        "ustar\000"u8.CopyTo(block.AsSpan(257));
        "00"u8.CopyTo(block.AsSpan(263));
        Octal(block.AsSpan(329, 8), entry.Device?.Major ?? 0);
        Octal(block.AsSpan(337, 8), entry.Device?.Minor ?? 0);
        block.AsSpan(148, 8).Fill((byte)' ');
        var sum = 0L;
        foreach (var value in block)
        {
            sum += value;
        }

        Octal(block.AsSpan(148, 7), sum);
        return block;
    }

    private static void Octal(Span<byte> field, long value)
    {
        field[^1] = 0;
        for (var i = field.Length - 2; i >= 0; i--)
        {
            field[i] = (byte)('0' + (value & 7));
            value >>= 3;
        }
    }

    private static bool IsText(byte[] name) => System.Text.Unicode.Utf8.IsValid(name);

    private ValueTask PadAsync(long length, CancellationToken cancellation) => PutAsync(_zeros.AsMemory(0, (int)((Block - (length % Block)) % Block)), cancellation);

    private async ValueTask PutAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellation)
    {
        if (bytes.Length > 0)
        {
            await output.WriteAsync(bytes, cancellation);
            _written += bytes.Length;
        }
    }
}
