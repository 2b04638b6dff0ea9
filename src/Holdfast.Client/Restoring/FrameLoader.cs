using System.Buffers;
using System.Collections.Concurrent;
using System.Security.Cryptography;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Restoring;

/// <summary>Fetches frames from where they lie now, opens and unpacks them.</summary>
internal sealed class FrameLoader(ObjectSource source, FrameKeys keys)
{
    private const int TablesKeptMax = 512;

    private readonly ConcurrentDictionary<uint, Task<IReadOnlyList<(ReadGrant Place, PackTables Tables)>>> _tables = new();
    private readonly ConcurrentBag<FrameCodec> _codecs = [];

    public async Task<ReadOnlyMemory<byte>> LoadAsync(Address frame, byte[] buffer, CancellationToken cancellation)
    {
        var (place, tables, row) = await FindAsync(frame, cancellation);
        var sealedBytes = ArrayPool<byte>.Shared.Rent(row.Length);
        try
        {
            await source.ReadAsync(place, row.Offset, sealedBytes.AsMemory(0, row.Length), cancellation);
            // Opened in place: the sealed bytes are not needed again.
            return Open(tables, row, sealedBytes.AsSpan(0, row.Length), sealedBytes, buffer);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(sealedBytes);
        }
    }

    /// <summary>Opens one frame whose sealed bytes are at hand; damage is the failure damaged_object, forgery tampered.</summary>
    public ReadOnlyMemory<byte> Open(PackTables tables, FrameRow row, ReadOnlySpan<byte> sealedBytes, byte[] plaintext, byte[] buffer)
    {
        if (!SHA256.HashData(sealedBytes).AsSpan().SequenceEqual(row.Hash.Span))
        {
            throw new HoldfastException(FailureTable.DamagedObject, $"Frame {row.Origin} is damaged: it is not what its computer signed.");
        }

        var codec = _codecs.TryTake(out var free) ? free : new FrameCodec();
        try
        {
            keys.Open(row, tables.FrameTable.Sessions[row.Session], sealedBytes, plaintext);
            var opened = plaintext.AsSpan(0, sealedBytes.Length - PaddedPlaintext.TagLength);
            var length = codec.DecodedLength(opened);
            var target = length <= buffer.Length ? buffer : new byte[length];
            return target.AsMemory(0, codec.Decode(opened, target));
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.DamagedObject, exception.Message, exception);
        }
        finally
        {
            _codecs.Add(codec);
        }
    }

    private async ValueTask<(ReadGrant Place, PackTables Tables, FrameRow Row)> FindAsync(Address frame, CancellationToken cancellation)
    {
        foreach (var (place, tables) in await TablesAsync(frame.Number, cancellation))
        {
            if (tables.FrameTable.Frames.Find(row => row.Origin == frame) is { } found)
            {
                return (place, tables, found);
            }
        }

        throw new HoldfastException(FailureTable.DamagedObject, $"The service does not hold frame {frame}, which is needed.");
    }

    /// <summary>Tables of every pack that may hold frames born in pack <paramref name="number"/>; the latest few hundred are kept.</summary>
    private Task<IReadOnlyList<(ReadGrant, PackTables)>> TablesAsync(uint number, CancellationToken cancellation)
    {
        if (_tables.Count > TablesKeptMax)
        {
            _tables.Clear();
        }

        return _tables.GetOrAdd(number, async key =>
        {
            try
            {
                var (found, damaged) = (new List<(ReadGrant, PackTables)>(), (HoldfastException?)null);
                foreach (var place in await source.PlacesAsync(key, cancellation))
                {
                    try
                    {
                        found.Add((place, await source.ReadTablesAsync(place, cancellation)));
                    }
                    catch (HoldfastException exception) when (BlobReader.IsDamage(exception))
                    {
                        // The frame may lie in another of them.
                        damaged ??= exception;
                    }
                }

                return found.Count > 0 || damaged is null ? found : throw damaged;
            }
            catch
            {
                _tables.TryRemove(key, out _);
                throw;
            }
        });
    }
}
