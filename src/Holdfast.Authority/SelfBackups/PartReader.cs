using Holdfast.Authority.Placing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.SelfBackups;

/// <summary>Gives back what a <see cref="PartWriter"/> took, part after part; one that is missing or was changed is a failure.</summary>
internal sealed class PartReader(PodClient pod, SelfBackupKey key, StoredSelfBackup backup) : Stream
{
    private ReadOnlyMemory<byte> _left;
    private uint _next;
    private bool _isEnd;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => false;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (_left.IsEmpty && !_isEnd)
        {
            if (_next == backup.Parts.Count)
            {
                throw new HoldfastException(FailureTable.DamagedObject, $"Self-backup {backup.Number} lacks its last part.");
            }

            var bytes = await pod.GetAsync(ObjectName.OfSelfBackup(backup.Number, _next), 0, backup.Parts[(int)_next].Length, cancellationToken);
            _left = SealedPart.Open(key, backup.Number, _next++, bytes, out _isEnd);
        }

        var count = Math.Min(buffer.Length, _left.Length);
        _left[..count].CopyTo(buffer);
        _left = _left[count..];
        return count;
    }

    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();
}
