using System.Buffers;

namespace Holdfast.Pods.Volumes;

/// <summary>Reads an extent's records one after the other in long reads, and says of each whether it is whole: thousands of small ones lie in one read. Not thread-safe.</summary>
internal sealed class ExtentScan(ExtentReader extent) : IDisposable
{
    private const int WindowLength = 1 << 20;

    /// <summary>A record longer than this is read by itself: what follows it would be read twice.</summary>
    private const int SmallMax = WindowLength / 4;

    private byte[] _window = ArrayPool<byte>.Shared.Rent(WindowLength);
    private long _start;
    private int _length;

    /// <summary>True if the record of the row is there and every block of it is whole. Rows come in order of their offsets.</summary>
    public bool IsWhole(ContentsRow row)
    {
        var position = row.Offset - _start;
        if (position < 0 || position + row.RecordLength > _length)
        {
            Load(row);
            position = 0;
        }

        if (position + row.RecordLength > _length)
        {
            return false;
        }

        var bytes = _window.AsSpan((int)position, row.RecordLength);
        if (RecordHeader.TryParse(bytes, extent.Header) is not { } record || record.Sequence != row.Sequence || record.RecordLength != row.RecordLength)
        {
            return false;
        }

        var shard = bytes.Slice(record.DataOffset, record.ShardLength);
        for (var block = 0; block < record.BlockHashes.Count; block++)
        {
            var start = block * VolumeLayout.BlockLength;
            if (!record.IsWhole(shard.Slice(start, Math.Min(VolumeLayout.BlockLength, shard.Length - start)), block))
            {
                return false;
            }
        }

        return true;
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_window);

    private void Load(ContentsRow row)
    {
        var wanted = row.RecordLength > SmallMax ? row.RecordLength : WindowLength;
        if (wanted > _window.Length)
        {
            ArrayPool<byte>.Shared.Return(_window);
            _window = ArrayPool<byte>.Shared.Rent(wanted);
        }

        (_start, _length) = (row.Offset, extent.ReadUpTo(_window.AsSpan(0, wanted), row.Offset));
    }
}
