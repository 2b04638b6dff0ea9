using Holdfast.Authority.Placing;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.SelfBackups;

/// <summary>Takes bytes in order and puts them on the pod in sealed parts. A backup counts once its last part is there.</summary>
internal sealed class PartWriter(PodClient pod, SelfBackupKey key, uint number, CancellationToken cancellation) : Stream
{
    private const int PartLength = 8 << 20;

    private readonly byte[] _part = new byte[PartLength];
    private int _length;
    private uint _next;

    /// <summary>Bytes put on the pod.</summary>
    public long Written { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (!buffer.IsEmpty)
        {
            if (_length == PartLength)
            {
                await PutAsync(isLast: false);
            }

            var count = Math.Min(buffer.Length, PartLength - _length);
            buffer[..count].CopyTo(_part.AsMemory(_length));
            (_length, buffer) = (_length + count, buffer[count..]);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Puts the last part.</summary>
    public Task CompleteAsync() => PutAsync(isLast: true);

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
    }

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private async Task PutAsync(bool isLast)
    {
        var bytes = SealedPart.Seal(key, number, _next, isLast, _part.AsSpan(0, _length));
        await pod.PutAsync(ObjectName.OfSelfBackup(number, _next++), bytes, cancellation);
        (_length, Written) = (0, Written + bytes.Length);
    }
}
