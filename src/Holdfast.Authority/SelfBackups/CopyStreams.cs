using System.Buffers.Binary;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using Holdfast.Format;

namespace Holdfast.Authority.SelfBackups;

/// <summary>Records one after the other, each behind its length (u32), compressed (gzip).</summary>
internal static class CopyStreams
{
    public static async Task WriteAsync(Stream target, CopyRecord record, CancellationToken cancellation)
    {
        var bytes = record.Encode();
        var length = new byte[4];
        BinaryPrimitives.WriteInt32LittleEndian(length, bytes.Length);
        await target.WriteAsync(length, cancellation);
        await target.WriteAsync(bytes, cancellation);
    }

    /// <summary>Every record up to the end; a copy that is cut or holds anything else is a <see cref="MalformedObjectException"/>.</summary>
    public static async IAsyncEnumerable<CopyRecord> ReadAsync(Stream source, [EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var plain = new GZipStream(source, CompressionMode.Decompress);
        var length = new byte[4];
        while (true)
        {
            var record = await ReadOneAsync(plain, length, cancellation);
            yield return record;
            if (record is CopyEnd)
            {
                yield break;
            }
        }
    }

    private static async Task<CopyRecord> ReadOneAsync(Stream plain, byte[] length, CancellationToken cancellation)
    {
        try
        {
            await plain.ReadExactlyAsync(length, cancellation);
            var bytes = new byte[BinaryPrimitives.ReadInt32LittleEndian(length) is > 0 and <= CopyRecord.LengthMax and var count ? count : throw new MalformedObjectException("self-backup", "a record has an impossible length")];
            await plain.ReadExactlyAsync(bytes, cancellation);
            return CopyRecord.Parse(bytes);
        }
        catch (Exception exception) when (exception is EndOfStreamException or InvalidDataException)
        {
            throw new MalformedObjectException("self-backup", "it is cut", exception);
        }
    }
}
