using System.Security.Cryptography;
using System.Threading.Channels;
using Holdfast.Client.Computers;
using Holdfast.Client.Indexing;
using Holdfast.Client.Uploading;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;

namespace Holdfast.Client.Packing;

/// <summary>A finished pack in its buffer, ready to go.</summary>
internal sealed record FinishedPack(PackDraft Draft, int Length, FrameTable Table);

/// <summary>Seals frames into packs. Several threads add at once; each seals its own frame straight into the pack's buffer.</summary>
internal sealed class Packer(
    Computer computer, SessionKey session, NumberSource numbers, PackBuffers buffers, FrameRegistry frames, ChannelWriter<FinishedPack> finished, RandomSource random) : IDisposable
{
    private readonly SemaphoreSlim _gate = new(1);
    private PackDraft? _current;

    /// <summary>Seals one frame: padded plaintext in, an address for <paramref name="ordinal"/> out.</summary>
    public async ValueTask AddAsync(FrameKind kind, uint ordinal, IReadOnlyList<BlobRow> blobs, ReadOnlyMemory<byte> plaintext, CancellationToken cancellation)
    {
        var sealedLength = plaintext.Length + PaddedPlaintext.TagLength;
        var (draft, slot, offset) = await ReserveAsync(sealedLength, blobs.Count, cancellation);
        var address = new Address(draft.Grant.Number, slot);
        frames.Resolve(ordinal, address);
        var row = Seal(draft, kind, address, offset, plaintext.Span);
        if (draft.Fill(row, blobs))
        {
            await FinishAsync(draft, cancellation);
        }
    }

    /// <summary>Sends what is in the open pack.</summary>
    public async ValueTask CloseAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (_current is { } last)
            {
                _current = null;
                if (last.Close())
                {
                    await FinishAsync(last, cancellation);
                }
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    public void Dispose() => _gate.Dispose();

    private async ValueTask<(PackDraft Draft, uint Slot, int Offset)> ReserveAsync(int sealedLength, int blobCount, CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            while (true)
            {
                if (_current?.TryReserve(sealedLength, blobCount) is var (slot, offset))
                {
                    return (_current, slot, offset);
                }

                if (_current is { } full)
                {
                    _current = null;
                    if (full.Close())
                    {
                        await FinishAsync(full, cancellation);
                    }
                }

                _current = new PackDraft(await numbers.TakeAsync(cancellation), await buffers.TakeAsync(cancellation));
            }
        }
        finally
        {
            _gate.Release();
        }
    }

    private FrameRow Seal(PackDraft draft, FrameKind kind, Address address, int offset, ReadOnlySpan<byte> plaintext)
    {
        var target = draft.Buffer.AsSpan(offset, plaintext.Length + PaddedPlaintext.TagLength);
        var salt = new byte[FrameRow.SaltLength];
        var row = new FrameRow(address, 0, kind, offset, target.Length, salt, default);
        ObjectSealer.Seal(session.Key, new SealContext(computer.Account, computer.Group.Group, row.SealedType, address), plaintext, target, salt, random);
        return row with { Hash = SHA256.HashData(target) };
    }

    private async ValueTask FinishAsync(PackDraft draft, CancellationToken cancellation)
    {
        var header = new ObjectHeader
        {
            Type = ObjectType.Pack, Kind = 1, Number = draft.Grant.Number, Account = computer.Account,
            Group = computer.Group.Group, Computer = computer.Number, Session = session.Sealed.Session,
        };
        var table = new FrameTable { Sessions = [session.Sealed], Frames = draft.Frames };
        var length = draft.Finish(header, table, computer.Group.IndexKey, computer.SigningKey, random);
        await finished.WriteAsync(new FinishedPack(draft, length, table), cancellation);
    }
}
