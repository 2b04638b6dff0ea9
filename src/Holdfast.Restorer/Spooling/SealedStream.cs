using System.Buffers.Binary;
using System.Security.Cryptography;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Restorer.Spooling;

/// <summary>A file that is appended to and read anywhere, and says nothing to who has not the key: pieces of 64 KiB, each sealed by AES-256-GCM under a nonce drawn anew and its place.</summary>
/// <remarks>The last piece, until it is full, is kept by whoever keeps the length: a file that was cut anywhere behind them is whole again.</remarks>
internal sealed class SealedStream : Stream
{
    public const int PieceLength = 64 << 10;

    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const int StoredLength = NonceLength + PieceLength + TagLength;

    private readonly SafeFileHandle _file;
    private readonly AesGcm _cipher;
    private readonly byte[] _stored = new byte[StoredLength];
    private readonly byte[] _tail = new byte[PieceLength];
    private readonly byte[] _piece = new byte[PieceLength];
    private long _length;
    private long _pieceHeld = -1;

    /// <param name="file">The file; it is closed with the stream.</param>
    /// <param name="key">32 bytes.</param>
    /// <param name="length">Plain bytes that it has.</param>
    /// <param name="tail">Those behind the last full piece.</param>
    public SealedStream(SafeFileHandle file, byte[] key, long length, ReadOnlySpan<byte> tail)
    {
        (_file, _cipher, _length) = (file, new AesGcm(key, TagLength), length);
        tail.CopyTo(_tail);
    }

    public SafeFileHandle File => _file;

    /// <summary>Bytes behind the last full piece, which are not in the file.</summary>
    public ReadOnlySpan<byte> Tail => _tail.AsSpan(0, (int)(_length % PieceLength));

    public override bool CanRead => true;

    public override bool CanSeek => true;

    public override bool CanWrite => true;

    public override long Length => _length;

    /// <summary>Where is read next; what is written is always appended.</summary>
    public override long Position { get; set; }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var at = (int)(_length % PieceLength);
            var count = Math.Min(buffer.Length, PieceLength - at);
            buffer[..count].CopyTo(_tail.AsSpan(at));
            _length += count;
            buffer = buffer[count..];
            if (_length % PieceLength == 0)
            {
                Store((_length / PieceLength) - 1);
            }
        }
    }

    public override int Read(Span<byte> buffer)
    {
        var total = 0;
        while (buffer.Length > 0 && Position < _length)
        {
            var (number, at) = (Position / PieceLength, (int)(Position % PieceLength));
            ReadOnlySpan<byte> piece = number == _length / PieceLength ? Tail : Load(number);
            var count = Math.Min(buffer.Length, piece.Length - at);
            piece.Slice(at, count).CopyTo(buffer);
            (Position, total) = (Position + count, total + count);
            buffer = buffer[count..];
        }

        return total;
    }

    public override int Read(byte[] buffer, int offset, int count) => Read(buffer.AsSpan(offset, count));

    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        return ValueTask.FromResult(Read(buffer.Span));
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Write(buffer.Span);
        return ValueTask.CompletedTask;
    }

    public override void Flush()
    {
        // Full pieces are in the file; the tail is its keeper's.
    }

    public override long Seek(long offset, SeekOrigin origin) => Position = offset + origin switch { SeekOrigin.Begin => 0, SeekOrigin.Current => Position, _ => _length };

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _cipher.Dispose();
            _file.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Store(long number)
    {
        RandomNumberGenerator.Fill(_stored.AsSpan(0, NonceLength));
        _cipher.Encrypt(_stored.AsSpan(0, NonceLength), _tail, _stored.AsSpan(NonceLength, PieceLength), _stored.AsSpan(NonceLength + PieceLength), Place(number));
        RandomAccess.Write(_file, _stored, number * StoredLength);
    }

    private byte[] Load(long number)
    {
        if (_pieceHeld != number)
        {
            for (var read = 0; read < StoredLength;)
            {
                var count = RandomAccess.Read(_file, _stored.AsSpan(read), (number * StoredLength) + read);
                read += count > 0 ? count : throw new InvalidDataException("The file is shorter than it was.");
            }

            _pieceHeld = -1;
            try
            {
                _cipher.Decrypt(_stored.AsSpan(0, NonceLength), _stored.AsSpan(NonceLength, PieceLength), _stored.AsSpan(NonceLength + PieceLength), _piece, Place(number));
            }
            catch (CryptographicException exception)
            {
                throw new InvalidDataException("The file is not what was written.", exception);
            }

            _pieceHeld = number;
        }

        return _piece;
    }

    private static byte[] Place(long number)
    {
        var place = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(place, number);
        return place;
    }
}
