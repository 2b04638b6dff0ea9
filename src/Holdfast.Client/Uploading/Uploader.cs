using System.Threading.Channels;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Packing;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Uploading;

/// <summary>Sends packs straight to the pod, a few at once, and keeps their receipts and the frames they hold.</summary>
internal sealed class Uploader(Computer computer, ServiceClient service, NumberSource numbers, PackBuffers buffers, BackupProgress progress)
{
    private const int AtOnce = 2;

    private readonly Lock _lock = new();

    /// <summary>Packs that are durable, and their frames as a segment's directory names them.</summary>
    public Dictionary<Address, DirectoryEntry> Frames { get; } = [];

    public SortedSet<uint> Packs { get; } = [];

    /// <summary>One task for each upload at once.</summary>
    public Task[] RunAsync(ChannelReader<FinishedPack> packs, CancellationToken cancellation) => [.. Enumerable.Range(0, AtOnce).Select(async _ =>
    {
        await foreach (var pack in packs.ReadAllAsync(cancellation))
        {
            await PutAsync(pack.Draft.Grant, pack.Draft.Buffer.AsMemory(0, pack.Length), isForCommit: false, cancellation);
            Add(pack.Draft.Grant.Number, pack.Table.Frames);
            buffers.Return(pack.Draft.Buffer);
        }
    })];

    /// <summary>Sends one object and keeps its receipt.</summary>
    public async Task PutAsync(UploadGrant grant, ReadOnlyMemory<byte> content, bool isForCommit, CancellationToken cancellation)
    {
        var name = new ObjectName(computer.Account, ObjectSpace.Numbered, grant.Number);
        numbers.Add(await service.PutObjectAsync(numbers.PodUrl, name, grant.Grant, content, cancellation), isForCommit);
        progress.Stored(content.Length);
    }

    /// <summary>Takes in a pack whose frames the next segment covers.</summary>
    public void Add(uint number, IEnumerable<Format.Packs.FrameRow> frames)
    {
        lock (_lock)
        {
            Packs.Add(number);
            foreach (var frame in frames)
            {
                Frames[frame.Origin] = new DirectoryEntry(frame.Origin, (uint)(frame.Offset / Format.Limits.Alignment), (uint)(frame.Length / Format.Limits.Alignment),
                    System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(frame.Hash.Span));
            }
        }
    }
}
