using System.Buffers.Binary;
using System.IO.Hashing;
using Holdfast.Client.Indexing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>Reads the last backup's listing as one stream beside the walk: memory does not grow with the number of files.</summary>
internal sealed class ListingReader : IDisposable
{
    private const int FooterLength = 16 + 8;
    private const int BufferLength = 1 << 20;
    private const string What = "listing cache";

    private readonly FileStream _stream;
    private readonly long _end;
    private readonly uint[] _ordinals;
    private byte[] _buffer = new byte[BufferLength];
    private int _start;
    private int _filled;
    private long _read;

    private ListingReader(FileStream stream, long end, uint[] ordinals, IReadOnlyList<MapPageReference> pages, byte[] headId)
    {
        _stream = stream;
        _end = end;
        _ordinals = ordinals;
        Pages = pages;
        HeadId = headId;
        _stream.Position = 0;
        Advance();
    }

    public IReadOnlyList<MapPageReference> Pages { get; }

    /// <summary>The snapshot this listing is of.</summary>
    public byte[] HeadId { get; }

    /// <summary>The next record, or null at the end.</summary>
    public ListingRecord? Current { get; private set; }

    /// <summary>Opens a listing whose snapshot is still what the service shows; null if there is none, or it is not whole: then files are read again.</summary>
    public static ListingReader? TryOpen(string path, FrameRegistry frames)
    {
        if (!File.Exists(path))
        {
            return null;
        }

        var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 0);
        try
        {
            if (IsWhole(stream))
            {
                return Open(stream, frames);
            }
        }
        catch (Exception exception) when (exception is MalformedObjectException or EndOfStreamException)
        {
            // A damaged cache is as good as none.
        }

        stream.Dispose();
        return null;
    }

    /// <summary>Moves to the entry <paramref name="name"/> at <paramref name="depth"/>, passing what sorts before it; true if it is there (and is then <see cref="Current"/>).</summary>
    public bool Seek(int depth, ReadOnlySpan<byte> name)
    {
        while (Current is { } record && record.Depth >= depth)
        {
            var order = record.Depth > depth ? -1 : record.Name.AsSpan().SequenceCompareTo(name);
            if (order >= 0)
            {
                return order == 0;
            }

            Advance();
        }

        return false;
    }

    /// <summary>Passes everything deeper than <paramref name="depth"/>: what is left of a directory.</summary>
    public void LeaveBelow(int depth)
    {
        while (Current is { } record && record.Depth > depth)
        {
            Advance();
        }
    }

    public void Advance() => Current = _read >= _end ? null : ReadRecord();

    public void Dispose() => _stream.Dispose();

    private static bool IsWhole(FileStream stream)
    {
        if (stream.Length < FooterLength + 48)
        {
            return false;
        }

        var hash = new XxHash128();
        var buffer = new byte[BufferLength];
        var left = stream.Length - FooterLength;
        while (left > 0)
        {
            var count = stream.Read(buffer, 0, (int)Math.Min(buffer.Length, left));
            if (count == 0)
            {
                return false;
            }

            hash.Append(buffer.AsSpan(0, count));
            left -= count;
        }

        stream.ReadExactly(buffer, 0, FooterLength);
        return buffer.AsSpan(0, 16).SequenceEqual(hash.GetCurrentHash()) && buffer.AsSpan(16, 8).SequenceEqual(ListingWriter.Magic);
    }

    private static ListingReader Open(FileStream stream, FrameRegistry frames)
    {
        var tail = new byte[8];
        stream.Position = stream.Length - FooterLength - 8;
        stream.ReadExactly(tail);
        var offset = BinaryPrimitives.ReadInt64LittleEndian(tail);
        var bytes = new byte[stream.Length - FooterLength - 8 - offset];
        stream.Position = offset;
        stream.ReadExactly(bytes);
        var reader = new SpanReader(bytes, What);
        var ordinals = new uint[reader.Count(int.MaxValue)];
        for (var i = 0; i < ordinals.Length; i++)
        {
            var address = reader.UInt64();
            ordinals[i] = address == ulong.MaxValue ? uint.MaxValue : frames.Register(Address.FromPacked(address));
        }

        var pages = new MapPageReference[reader.Count(int.MaxValue / MapPageReference.Size)];
        for (var i = 0; i < pages.Length; i++)
        {
            pages[i] = new MapPageReference(reader.UInt32(), reader.UInt32(), reader.Bytes(32).ToArray());
        }

        var headId = reader.Bytes(32).ToArray();
        reader.End();
        return new ListingReader(stream, offset, ordinals, pages, headId);
    }

    private ListingRecord ReadRecord()
    {
        var reader = new SpanReader(Take(2 + 4 + 8 + 8 + 24 + 1), What);
        var (depth, kind, inode, size) = (reader.UInt16(), (FileKind)reader.UInt32(), reader.UInt64(), reader.Int64());
        var modified = new Timestamp(reader.Int64(), reader.UInt32());
        var changed = new Timestamp(reader.Int64(), reader.UInt32());
        var name = Take(reader.Byte()).ToArray();
        var encoded = Take(BinaryPrimitives.ReadInt32LittleEndian(Take(4))).ToArray();
        var frames = new uint[BinaryPrimitives.ReadInt32LittleEndian(Take(4))];
        var list = new SpanReader(Take(frames.Length * 4), What);
        for (var i = 0; i < frames.Length; i++)
        {
            frames[i] = _ordinals[list.UInt32()];
        }

        return new ListingRecord(depth, name, kind, inode, size, modified, changed, encoded, frames);
    }

    private ReadOnlySpan<byte> Take(int count)
    {
        if (_filled - _start < count)
        {
            _buffer.AsSpan(_start, _filled - _start).CopyTo(_buffer);
            (_start, _filled) = (0, _filled - _start);
            if (count > _buffer.Length)
            {
                Array.Resize(ref _buffer, count);
            }

            _filled += _stream.ReadAtLeast(_buffer.AsSpan(_filled), count - _filled);
        }

        var taken = _buffer.AsSpan(_start, count);
        _start += count;
        _read += count;
        return taken;
    }
}
