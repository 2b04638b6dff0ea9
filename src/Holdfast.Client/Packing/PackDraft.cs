using System.Security.Cryptography;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Packing;

/// <summary>A pack that is being filled, in one buffer: places are reserved in order and sealed in parallel.</summary>
internal sealed class PackDraft
{
    /// <summary>Frames and tables of a full pack, about.</summary>
    public const int LengthTarget = 16 << 20;

    /// <summary>Room for tables behind the target, and for a last frame if it is short: a longer one begins the next pack.</summary>
    public const int BufferLength = LengthTarget + (512 << 10);

    private readonly Lock _lock = new();
    private readonly List<FrameRow?> _rows = [];
    private readonly List<BlobRow> _blobs = [];
    private int _used = Limits.Alignment;
    private int _reservedBlobs;
    private int _pending;
    private bool _closed;

    public PackDraft(UploadGrant grant, byte[] buffer)
    {
        Grant = grant;
        Buffer = buffer;
        buffer.AsSpan(0, Limits.Alignment).Clear();
    }

    public UploadGrant Grant { get; }

    public byte[] Buffer { get; }

    public IReadOnlyList<BlobRow> Blobs => _blobs;

    /// <summary>Frames with their places in this pack, once it is complete.</summary>
    public List<FrameRow> Frames => _rows.ConvertAll(row => row!);

    /// <summary>A slot and an offset for a sealed frame, or null if the pack is full.</summary>
    public (uint Slot, int Offset)? TryReserve(int sealedLength, int blobCount)
    {
        lock (_lock)
        {
            var tables = ((_rows.Count + 1) * FrameRow.Size) + ((_reservedBlobs + blobCount) * BlobRow.Size) + (3 * Limits.Alignment);
            if (_closed || _used + tables > LengthTarget || _used + sealedLength + tables > BufferLength)
            {
                return null;
            }

            var place = ((uint)_rows.Count, _used);
            _rows.Add(null);
            _used += sealedLength;
            _reservedBlobs += blobCount;
            _pending++;
            return place;
        }
    }

    /// <summary>A reserved place is filled; true if that completes the pack.</summary>
    public bool Fill(FrameRow row, IReadOnlyList<BlobRow> blobs)
    {
        lock (_lock)
        {
            _rows[(int)row.Origin.Slot] = row;
            foreach (var blob in blobs)
            {
                _blobs.Add(blob with { Frame = row.Origin.Slot });
            }

            return --_pending == 0 && _closed;
        }
    }

    /// <summary>Takes no more; true if that completes the pack.</summary>
    public bool Close()
    {
        lock (_lock)
        {
            _closed = true;
            return _pending == 0;
        }
    }

    /// <summary>Writes tables, checksum and signature behind the frames; returns the length of the whole pack.</summary>
    public int Finish(ObjectHeader header, FrameTable table, byte[] indexKey, ECDsa signingKey, Crypto.Keys.RandomSource random)
    {
        header.Write(Buffer);
        var frameTable = table.Encode();
        var blobTable = ObjectSealer.SealPadded(indexKey,
            new SealContext(header.Account, header.Group, SealedType.BlobTable, new Address(header.Number, Address.BlobTableSlot)), BlobTable.Encode(_blobs), random);
        header.Write(Buffer.AsSpan(_used));
        var tables = _used + ObjectHeader.Length;
        frameTable.CopyTo(Buffer, tables);
        blobTable.CopyTo(Buffer, tables + frameTable.Length);
        var checksum = new byte[32];
        PackTables.Checksum(Buffer, frameTable, blobTable, [], checksum);
        var trailer = new PackTrailer(frameTable.Length, blobTable.Length, 0, checksum, Signatures.Sign(signingKey, Signatures.PackLabel, checksum));
        var end = tables + frameTable.Length + blobTable.Length;
        trailer.Write(Buffer.AsSpan(end));
        return end + PackTrailer.Length;
    }
}
