using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Archiving;

/// <summary>A stream whose bytes go to where the service keeps shared archives, a part at a time.</summary>
internal sealed class SharedUpload(ServiceClient service, string url) : Stream
{
    private readonly byte[] _part = new byte[SharedProgress.PartLengthMax];
    private int _held;

    /// <summary>Bytes that were uploaded.</summary>
    public long Sent { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => Sent + _held;
        set => throw new NotSupportedException();
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            if (_held == _part.Length)
            {
                await SendAsync(isWhole: false, cancellationToken);
            }

            var count = Math.Min(buffer.Length, _part.Length - _held);
            buffer[..count].CopyTo(_part.AsMemory(_held));
            (buffer, _held) = (buffer[count..], _held + count);
        }
    }

    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) => WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <summary>Sends the rest, and says that it is all.</summary>
    public Task FinishAsync(CancellationToken cancellation) => SendAsync(isWhole: true, cancellation);

    /// <summary>Parts go when they are full.</summary>
    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override void Flush()
    {
        // Parts go when they are full.
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    private async Task SendAsync(bool isWhole, CancellationToken cancellation)
    {
        await service.PutSharedAsync(url, Sent, isWhole, _part.AsMemory(0, _held), cancellation);
        (Sent, _held) = (Sent + _held, 0);
    }
}
