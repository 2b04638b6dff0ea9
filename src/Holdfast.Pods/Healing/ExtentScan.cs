using System.Buffers;
using Holdfast.Pods.Volumes;

namespace Holdfast.Pods.Healing;

/// <summary>Reads an extent's records one after the other in long reads, and says of each whether it is whole: thousands of small ones lie in one read. Not thread-safe.</summary>
internal sealed class ExtentScan(ExtentReader extent) : IDisposable
{
    private const int WindowLength = 1 << 20;

    /// <summary>A longer record is read by itself, in pieces: what follows it would be read twice.</summary>
    private const int SmallMax = WindowLength / 4;

    /// <summary>Whole blocks.</summary>
    private const int PieceLength = 128 << 10;

    private readonly byte[] _window = ArrayPool<byte>.Shared.Rent(WindowLength);
    private long _start;
    private int _length;

    /// <summary>True if the record of the row is there and every block of it is whole. Rows come in order of their offsets.</summary>
    public async ValueTask<bool> IsWholeAsync(ContentsRow row, Pace pace, CancellationToken cancellation)
    {
        if (row.RecordLength > SmallMax)
        {
            return await IsLongWholeAsync(row, pace, cancellation);
        }

        if (row.Offset < _start || row.Offset + row.RecordLength > _start + _length)
        {
            await LoadAsync(row.Offset, pace, cancellation);
        }

        return row.Offset + row.RecordLength <= _start + _length && IsWhole(row, _window.AsSpan((int)(row.Offset - _start), row.RecordLength));
    }

    public void Dispose() => ArrayPool<byte>.Shared.Return(_window);

    private bool IsWhole(ContentsRow row, ReadOnlySpan<byte> bytes) =>
        RecordHeader.TryParse(bytes, extent.Header) is { } record && record.Sequence == row.Sequence && record.RecordLength == row.RecordLength
        && record.IsWhole(bytes.Slice(record.DataOffset, record.ShardLength), 0);

    private async Task<bool> IsLongWholeAsync(ContentsRow row, Pace pace, CancellationToken cancellation)
    {
        await pace.GiveWayAsync(cancellation);
        if (extent.TryReadRecord(row.Offset) is not { } record || record.Sequence != row.Sequence || record.RecordLength != row.RecordLength)
        {
            return false;
        }

        for (var at = 0; at < record.ShardLength;)
        {
            await pace.GiveWayAsync(cancellation);
            var piece = Math.Min(NextLength(pace), record.ShardLength - at);
            if (!extent.TryReadBlocks(record, row.Offset, at / VolumeLayout.BlockLength, _window.AsSpan(0, piece)))
            {
                return false;
            }

            at += piece;
        }

        // The window was used for it.
        _length = 0;
        return true;
    }

    /// <summary>Small pieces and nothing beyond them while customers are served: whoever comes waits for one of them at most.</summary>
    private int NextLength(Pace pace)
    {
        var isFree = pace.IsFree;
        extent.ReadAhead(isFree);
        return isFree ? WindowLength : PieceLength;
    }

    private async Task LoadAsync(long start, Pace pace, CancellationToken cancellation)
    {
        (_start, _length) = (start, 0);
        while (_length < WindowLength)
        {
            await pace.GiveWayAsync(cancellation);
            var piece = Math.Min(NextLength(pace), WindowLength - _length);
            var read = extent.ReadUpTo(_window.AsSpan(_length, piece), _start + _length);
            _length += read;
            if (read < piece)
            {
                break;
            }
        }
    }
}
