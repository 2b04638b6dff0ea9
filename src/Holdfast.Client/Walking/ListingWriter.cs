using System.IO.Hashing;
using Holdfast.Client.Indexing;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>Writes the listing of a backup, entry by entry in the order of the walk, for the next backup to compare with. A cache: it can always be deleted.</summary>
/// <remarks>
/// Records · u32 frames · frames × u64 address · u32 pages · pages × (index u32 · number u32 · hash 32) · head id 32 · u64 offset of the frames ·
/// XxHash128 of all before it · magic "HFLIST01". A record: u16 depth · u32 kind · u64 inode · i64 size · 2 × (i64 seconds · u32 nanoseconds) ·
/// u8 name length · name · u32 encoded length · encoded · u32 frames · frames × u32.
/// </remarks>
internal sealed class ListingWriter : IDisposable
{
    private const int BufferLength = 256 << 10;

    private readonly string _path;
    private readonly FileStream _stream;
    private readonly ByteWriter _buffer = new(BufferLength + 4096);
    private readonly XxHash128 _hash = new();
    private readonly DateTimeOffset _started;

    /// <summary>Files that changed in the last seconds before <paramref name="started"/> may change again within the same tick of their clock: they are read again.</summary>
    public ListingWriter(string path, DateTimeOffset started)
    {
        _path = path;
        _started = started;
        _stream = new FileStream(path + ".new", FileMode.Create, FileAccess.Write, FileShare.None, 0);
    }

    internal static ReadOnlySpan<byte> Magic => "HFLIST01"u8;

    public void Add(int depth, byte[] name, in FileStatus status, ReadOnlySpan<byte> encoded, IReadOnlyList<uint> frames)
    {
        var isSettled = status.ChangedSeconds < _started.ToUnixTimeSeconds() - 1;
        _buffer.UInt16((ushort)depth).UInt32((uint)status.Kind).UInt64(isSettled ? status.Inode : 0).Int64(status.Size)
            .Int64(status.ModifiedSeconds).UInt32(status.ModifiedNanoseconds).Int64(status.ChangedSeconds).UInt32(status.ChangedNanoseconds)
            .Byte((byte)name.Length).Bytes(name).UInt32((uint)encoded.Length).Bytes(encoded).UInt32((uint)frames.Count);
        for (var i = 0; i < frames.Count; i++)
        {
            _buffer.UInt32(frames[i]);
        }

        if (_buffer.Length >= BufferLength)
        {
            Flush();
        }
    }

    /// <summary>Adds what the records refer to, and puts the listing in its place.</summary>
    public void Complete(FrameRegistry frames, IReadOnlyList<MapPageReference> pages, ReadOnlySpan<byte> headId)
    {
        Flush();
        var offset = _stream.Position;
        var count = frames.Count;
        _buffer.UInt32((uint)count);
        for (var i = 0; i < count; i++)
        {
            _buffer.UInt64(frames.Find((uint)i)?.Packed ?? ulong.MaxValue);
            if (_buffer.Length >= BufferLength)
            {
                Flush();
            }
        }

        _buffer.UInt32((uint)pages.Count).Bytes(SnapshotObject.EncodePages(pages)).Bytes(headId).Int64(offset);
        Flush();
        _buffer.Bytes(_hash.GetCurrentHash()).Bytes(Magic);
        _stream.Write(_buffer.Written);
        _stream.Dispose();
        File.Move(_path + ".new", _path, overwrite: true);
    }

    public void Dispose() => _stream.Dispose();

    private void Flush()
    {
        _hash.Append(_buffer.Written);
        _stream.Write(_buffer.Written);
        _buffer.Clear();
    }
}
