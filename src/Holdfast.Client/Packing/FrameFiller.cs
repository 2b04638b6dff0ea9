using Holdfast.Client.Indexing;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Packs;

namespace Holdfast.Client.Packing;

/// <summary>Fills frames with blobs that are not stored yet, compresses each when it is full and hands it to the packer. One per thread of work.</summary>
internal sealed class FrameFiller(FrameKind kind, BlobIndex index, FrameRegistry frames, Packer packer, GroupKeys group, BackupProgress progress, int compressionLevel) : IDisposable
{
    /// <summary>Plain bytes of a data frame: big enough that neighbours compress well (1 MiB stored 0.9 % more), small enough to read one blob out of it.</summary>
    public const int DataLength = 2 << 20;

    /// <summary>Trees are browsed one by one.</summary>
    private const int TreeLength = 256 << 10;

    /// <summary>The longest blob that any frame takes.</summary>
    public const int BlobLengthMax = TreeLength;

    /// <summary>Bounds the blob table of a pack of tiny files.</summary>
    private const int BlobsMax = 4096;

    private readonly byte[] _buffer = new byte[LengthOf(kind)];
    private readonly byte[] _encoded = new byte[FrameCodec.EncodedLengthMax(LengthOf(kind))];
    private readonly List<BlobRow> _blobs = [];
    private readonly FrameCodec _codec = new(compressionLevel, isForLongFrames: kind == FrameKind.Data);
    private uint _ordinal;
    private int _length;

    /// <summary>Bytes of a filler's two buffers.</summary>
    public static long BufferBytes(FrameKind kind) => LengthOf(kind) + FrameCodec.EncodedLengthMax(LengthOf(kind));

    public BlobHasher Hasher { get; } = new(group);

    /// <summary>Names a blob, stores it unless it is stored already, and returns its id and frame.</summary>
    public async ValueTask<(BlobId Id, uint Frame)> StoreAsync(BlobType type, ReadOnlyMemory<byte> data, CancellationToken cancellation)
    {
        var id = Hasher.Id(type, data.Span);
        if (index.Find(id) is { } known)
        {
            return (id, known);
        }

        if (_blobs.Count > 0 && (_length + data.Length > _buffer.Length || _blobs.Count == BlobsMax))
        {
            await CloseAsync(cancellation);
        }

        if (_blobs.Count == 0)
        {
            _ordinal = frames.Open();
        }

        var row = new BlobRow(id, _ordinal, (uint)_length, (uint)data.Length, type);
        if (index.AddUnlessPresent(row) is { } other)
        {
            return (id, other);
        }

        data.Span.CopyTo(_buffer.AsSpan(_length));
        _length += data.Length;
        _blobs.Add(row);
        progress.NewBlob(data.Length);
        return (id, _ordinal);
    }

    /// <summary>Hands over what is in the open frame.</summary>
    public async ValueTask CloseAsync(CancellationToken cancellation)
    {
        if (_blobs.Count == 0)
        {
            return;
        }

        var length = _codec.Encode(_buffer.AsSpan(0, _length), _encoded);
        await packer.AddAsync(kind, _ordinal, _blobs, _encoded.AsMemory(0, length), cancellation);
        _blobs.Clear();
        _length = 0;
    }

    private static int LengthOf(FrameKind kind) => kind == FrameKind.Tree ? TreeLength : DataLength;

    public void Dispose()
    {
        Hasher.Dispose();
        _codec.Dispose();
    }
}
