using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Crypto.Keys;
using NSec.Cryptography;
using ChaCha20Poly1305 = System.Security.Cryptography.ChaCha20Poly1305;

namespace Holdfast.Crypto.Sealing;

/// <summary>Writes a file that the recipients' keys open with the program <c>age</c> (age-encryption.org/v1, X25519 recipients): whoever is given it needs nothing of ours.</summary>
/// <remarks>It is whole once <see cref="FinishAsync"/> has returned: the last chunk says that it is the last, so one that was cut is noticed.</remarks>
public sealed class AgeStream : Stream
{
    private const int ChunkLength = 64 << 10;
    private const int FileKeyLength = 16;
    private const int NonceLength = 12;
    private const int TagLength = 16;
    private const string Version = "age-encryption.org/v1";

    private readonly Stream _output;
    private readonly ChaCha20Poly1305 _cipher;
    private readonly byte[] _chunk = new byte[ChunkLength];
    private readonly byte[] _sealed = new byte[ChunkLength + TagLength];
    private readonly byte[] _nonce = new byte[NonceLength];
    private int _length;
    private ulong _number;

    private AgeStream(Stream output, byte[] payloadKey) => (_output, _cipher) = (output, new ChaCha20Poly1305(payloadKey));

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position { get => throw new NotSupportedException(); set => throw new NotSupportedException(); }

    /// <summary>Begins a file: its header goes out at once.</summary>
    /// <param name="output">Takes it; stays open.</param>
    /// <param name="recipients">Each of them opens it alone; one at least.</param>
    /// <param name="random">Draws keys and nonce.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<AgeStream> BeginAsync(Stream output, IReadOnlyList<AgeRecipient> recipients, RandomSource random, CancellationToken cancellation)
    {
        ArgumentOutOfRangeException.ThrowIfZero(recipients.Count);
        var fileKey = random(FileKeyLength);
        var header = new StringBuilder(Version).Append('\n');
        foreach (var recipient in recipients)
        {
            header.Append(Stanza(recipient, fileKey, random));
        }

        header.Append("---");
        var mac = HMACSHA256.HashData(HKDF.DeriveKey(HashAlgorithmName.SHA256, fileKey, 32, [], "header"u8.ToArray()), Encoding.ASCII.GetBytes(header.ToString()));
        header.Append(' ').Append(Base64(mac)).Append('\n');
        var nonce = random(FileKeyLength);
        await output.WriteAsync(Encoding.ASCII.GetBytes(header.ToString()), cancellation);
        await output.WriteAsync(nonce, cancellation);
        return new AgeStream(output, HKDF.DeriveKey(HashAlgorithmName.SHA256, fileKey, 32, nonce, "payload"u8.ToArray()));
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        while (buffer.Length > 0)
        {
            // A full chunk waits until more comes: the last one must say that it is.
            if (_length == ChunkLength)
            {
                await PutAsync(isLast: false, cancellationToken);
            }

            var count = Math.Min(buffer.Length, ChunkLength - _length);
            buffer[..count].CopyTo(_chunk.AsMemory(_length));
            _length += count;
            buffer = buffer[count..];
        }
    }

    /// <summary>Writes the last chunk.</summary>
    public Task FinishAsync(CancellationToken cancellation) => PutAsync(isLast: true, cancellation);

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
        // A chunk goes out when it is full.
    }

    public override Task FlushAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            _cipher.Dispose();
            CryptographicOperations.ZeroMemory(_chunk);
        }

        base.Dispose(disposing);
    }

    private async Task PutAsync(bool isLast, CancellationToken cancellation)
    {
        BinaryPrimitives.WriteUInt64BigEndian(_nonce.AsSpan(3), _number++);
        _nonce[^1] = isLast ? (byte)1 : (byte)0;
        _cipher.Encrypt(_nonce, _chunk.AsSpan(0, _length), _sealed.AsSpan(0, _length), _sealed.AsSpan(_length, TagLength));
        await _output.WriteAsync(_sealed.AsMemory(0, _length + TagLength), cancellation);
        _length = 0;
    }

    private static string Stanza(AgeRecipient recipient, byte[] fileKey, RandomSource random)
    {
        using var own = Key.Import(KeyAgreementAlgorithm.X25519, random(32), KeyBlobFormat.RawPrivateKey);
        using var shared = KeyAgreementAlgorithm.X25519.Agree(own, recipient.Key, new SharedSecretCreationParameters { ExportPolicy = KeyExportPolicies.AllowPlaintextExport })
            ?? throw new CryptographicException($"{recipient.Text} is a key that nobody can have.");
        var share = own.PublicKey.Export(KeyBlobFormat.RawPublicKey);
        var wrapping = HKDF.DeriveKey(HashAlgorithmName.SHA256, shared.Export(SharedSecretBlobFormat.RawSharedSecret), 32, [.. share, .. recipient.Key.Export(KeyBlobFormat.RawPublicKey)], Encoding.ASCII.GetBytes(Version + "/X25519"));
        using var cipher = new ChaCha20Poly1305(wrapping);
        var wrapped = new byte[FileKeyLength + TagLength];
        cipher.Encrypt(new byte[NonceLength], fileKey, wrapped.AsSpan(0, FileKeyLength), wrapped.AsSpan(FileKeyLength));
        return $"-> X25519 {Base64(share)}\n{Base64(wrapped)}\n";
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=');
}
