using System.Buffers.Binary;
using System.IO.Hashing;
using System.IO.MemoryMappedFiles;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Indexes;

namespace Holdfast.Client.Indexing;

/// <summary>A segment as it is cached on this computer: opened, memory-mapped, searched by interpolation. Ids are uniform, so that two or three probes find one.</summary>
/// <remarks>File: magic "HFINDEX1" · u32 frames · u32 entries · u32 packs covered · zero u32 · covered u32s, padded to 32 · frames × 32 · entries × 48 · XxHash3 of all that. A cache: it can always be deleted.</remarks>
internal sealed unsafe class LocalSegment : IDisposable
{
    private const int HeaderLength = 24;
    private const int HashLength = 8;
    private const int PieceLength = 1 << 20;

    private readonly MemoryMappedFile _file;
    private readonly MemoryMappedViewAccessor _view;
    private readonly byte* _start;
    private readonly int _covered;
    private readonly long _directory;
    private readonly long _entries;

    private LocalSegment(uint number, MemoryMappedFile file, MemoryMappedViewAccessor view, byte* start, int frames, int entries, int covered)
    {
        Number = number;
        _file = file;
        _view = view;
        _start = start;
        FrameCount = frames;
        Count = entries;
        _covered = covered;
        _directory = HeaderLength + Pad(covered * 4);
        _entries = _directory + ((long)frames * DirectoryEntry.Size);
    }

    private static ReadOnlySpan<byte> Magic => "HFINDEX1"u8;

    public uint Number { get; }

    public int FrameCount { get; }

    public int Count { get; }

    /// <summary>Writes a segment's content whole or not at all; entries must be sorted.</summary>
    public static void Write(string path, SegmentContent content)
    {
        // Another command may write the same segment at this moment.
        var temporary = $"{path}.{Guid.NewGuid():N}.new";
        using (var stream = new FileStream(temporary, FileMode.Create, FileAccess.Write, FileShare.None, 1 << 16))
        {
            Span<byte> header = stackalloc byte[HeaderLength];
            header.Clear();
            Magic.CopyTo(header);
            BinaryPrimitives.WriteInt32LittleEndian(header[8..], content.Frames.Count);
            BinaryPrimitives.WriteInt32LittleEndian(header[12..], content.Entries.Count);
            BinaryPrimitives.WriteInt32LittleEndian(header[16..], content.PacksCovered.Count);
            var hash = new XxHash3();
            Write(header);
            var packs = new byte[Pad(content.PacksCovered.Count * 4)];
            for (var i = 0; i < content.PacksCovered.Count; i++)
            {
                BinaryPrimitives.WriteUInt32LittleEndian(packs.AsSpan(i * 4), content.PacksCovered[i]);
            }

            Write(packs);
            Span<byte> row = stackalloc byte[BlobRow.Size];
            foreach (var frame in content.Frames)
            {
                frame.Write(row);
                Write(row[..DirectoryEntry.Size]);
            }

            foreach (var entry in content.Entries)
            {
                row.Clear();
                entry.Write(row);
                Write(row);
            }

            stream.Write(hash.GetCurrentHash());

            void Write(ReadOnlySpan<byte> bytes)
            {
                hash.Append(bytes);
                stream.Write(bytes);
            }
        }

        File.Move(temporary, path, overwrite: true);
    }

    /// <summary>Maps a cached segment; null if there is none, or it is not whole.</summary>
    public static LocalSegment? TryOpen(string path, uint number)
    {
        if (!File.Exists(path) || new FileInfo(path).Length < HeaderLength)
        {
            return null;
        }

        var length = new FileInfo(path).Length;
        var file = MemoryMappedFile.CreateFromFile(path, FileMode.Open, null, 0, MemoryMappedFileAccess.Read);
        var view = file.CreateViewAccessor(0, 0, MemoryMappedFileAccess.Read);
        byte* start = null;
        view.SafeMemoryMappedViewHandle.AcquirePointer(ref start);
        var header = new ReadOnlySpan<byte>(start, HeaderLength);
        var (frames, entries, covered) = (BinaryPrimitives.ReadInt32LittleEndian(header[8..]), BinaryPrimitives.ReadInt32LittleEndian(header[12..]), BinaryPrimitives.ReadInt32LittleEndian(header[16..]));
        var segment = new LocalSegment(number, file, view, start, frames, entries, covered);
        if (header.StartsWith(Magic) && frames >= 0 && entries >= 0 && covered >= 0 && segment._entries + ((long)entries * BlobRow.Size) + HashLength == length && segment.IsWhole(length))
        {
            return segment;
        }

        segment.Dispose();
        return null;
    }

    /// <summary>Numbers of the packs whose blobs this segment names.</summary>
    public IReadOnlyList<uint> PacksCovered()
    {
        var packs = new uint[_covered];
        for (var i = 0; i < packs.Length; i++)
        {
            packs[i] = BinaryPrimitives.ReadUInt32LittleEndian(new ReadOnlySpan<byte>(_start + HeaderLength + (i * 4), 4));
        }

        return packs;
    }

    public bool Contains(BlobId id)
    {
        var index = LowerBound(id);
        return index < Count && IdAt(index) == id;
    }

    /// <summary>True if an entry says exactly what a blob table says.</summary>
    public bool Contains(TableRow blob)
    {
        for (var index = LowerBound(blob.Row.Id); index < Count && IdAt(index) == blob.Row.Id; index++)
        {
            var entry = Entry(index);
            if (Frame(entry.Frame).Address == blob.Frame && entry == blob.Row with { Frame = entry.Frame })
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>All places of an id in this segment.</summary>
    public void Find(BlobId id, List<BlobPlace> places)
    {
        for (var index = LowerBound(id); index < Count && IdAt(index) == id; index++)
        {
            var row = Entry(index);
            places.Add(new BlobPlace(Frame(row.Frame).Address, row.Offset, row.Length, row.Type));
        }
    }

    public BlobRow Entry(int index) => BlobRow.Read(new ReadOnlySpan<byte>(_start + _entries + ((long)index * BlobRow.Size), BlobRow.Size), "cached index");

    public DirectoryEntry Frame(uint ordinal) => ordinal < FrameCount
        ? DirectoryEntry.Read(new ReadOnlySpan<byte>(_start + _directory + ((long)ordinal * DirectoryEntry.Size), DirectoryEntry.Size))
        : throw new MalformedObjectException("cached index", "an entry names no frame");

    public void Dispose()
    {
        _view.SafeMemoryMappedViewHandle.ReleasePointer();
        _view.Dispose();
        _file.Dispose();
    }

    /// <summary>A cache is trusted only if it is what was written: a wrong frame here would end up in a snapshot's map.</summary>
    private bool IsWhole(long length)
    {
        var hash = new XxHash3();
        for (long offset = 0; offset < length - HashLength; offset += PieceLength)
        {
            hash.Append(new ReadOnlySpan<byte>(_start + offset, (int)Math.Min(PieceLength, length - HashLength - offset)));
        }

        return hash.GetCurrentHash().AsSpan().SequenceEqual(new ReadOnlySpan<byte>(_start + length - HashLength, HashLength));
    }

    private static int Pad(int length) => (length + 31) / 32 * 32;

    private BlobId IdAt(int index) => new(new ReadOnlySpan<byte>(_start + _entries + ((long)index * BlobRow.Size), BlobId.Length));

    /// <summary>The first entry whose id is not below <paramref name="id"/>: interpolation, then bisection of what is left.</summary>
    private int LowerBound(BlobId id)
    {
        var (low, high) = (0, Count);
        for (var probe = 0; low < high; probe++)
        {
            int middle;
            if (probe < 4 && high - low > 8)
            {
                var (first, last) = (IdAt(low).Prefix, IdAt(high - 1).Prefix);
                if (id.Prefix <= first)
                {
                    middle = low;
                }
                else if (id.Prefix >= last)
                {
                    middle = high - 1;
                }
                else
                {
                    middle = low + (int)((UInt128)(id.Prefix - first) * (uint)(high - 1 - low) / Math.Max(1, last - first));
                }
            }
            else
            {
                middle = low + ((high - low) / 2);
            }

            if (IdAt(middle) < id)
            {
                low = middle + 1;
            }
            else
            {
                high = middle;
            }
        }

        return low;
    }
}
