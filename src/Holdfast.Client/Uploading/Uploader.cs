using System.Threading.Channels;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Packing;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Uploading;

/// <summary>Sends packs straight to the pod, a few at once, and keeps their receipts and the frames they hold.</summary>
internal sealed class Uploader(Computer computer, ServiceClient service, NumberSource numbers, PackBuffers buffers, BackupProgress progress)
{
    private const int AtOnce = 2;
    private const int RenewalsMax = 3;

    private readonly Lock _lock = new();

    private readonly List<DirectoryEntry> _frames = [];
    private readonly List<uint> _packs = [];

    /// <summary>One task for each upload at once.</summary>
    public Task[] RunAsync(ChannelReader<FinishedPack> packs, Func<Task> afterPack, CancellationToken cancellation) => [.. Enumerable.Range(0, AtOnce).Select(async _ =>
    {
        await foreach (var pack in packs.ReadAllAsync(cancellation))
        {
            await PutAsync(pack.Draft.Grant, pack.Draft.Buffer.AsMemory(0, pack.Length), isForCommit: false, cancellation);
            Add(pack.Draft.Grant.Number, pack.Table.Frames);
            buffers.Return(pack.Draft.Buffer);
            await afterPack();
        }
    })];

    /// <summary>Sends one object and keeps its receipt. A grant that ran out on the way, while the computer slept or the service's clock was put right, is asked for again.</summary>
    public async Task PutAsync(UploadGrant grant, ReadOnlyMemory<byte> content, bool isForCommit, CancellationToken cancellation)
    {
        var name = new ObjectName(computer.Account, ObjectSpace.Numbered, grant.Number);
        for (var renewals = 0; ; renewals++)
        {
            try
            {
                numbers.Add(await service.PutObjectAsync(numbers.PodUrl, name, grant.Grant, content, cancellation), isForCommit);
                break;
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.GrantInvalid && renewals < RenewalsMax)
            {
                grant = await numbers.TryRenewAsync(grant, cancellation) ?? throw new HoldfastException(exception.Kind, exception.Message, exception);
            }
        }

        progress.Stored(content.Length);
    }

    /// <summary>Packs that are durable and in no segment yet, with their frames as a segment's directory names them; they are forgotten here.</summary>
    public (List<uint> Packs, List<DirectoryEntry> Frames) TakeUncovered()
    {
        lock (_lock)
        {
            var taken = (_packs.Order().ToList(), _frames.OrderBy(frame => frame.Address).ToList());
            _packs.Clear();
            _frames.Clear();
            return taken;
        }
    }

    /// <summary>Takes in a pack whose frames the next segment covers.</summary>
    public void Add(uint number, IEnumerable<Format.Packs.FrameRow> frames)
    {
        lock (_lock)
        {
            _packs.Add(number);
            foreach (var frame in frames)
            {
                _frames.Add(new DirectoryEntry(frame.Origin, (uint)(frame.Offset / Format.Limits.Alignment), (uint)(frame.Length / Format.Limits.Alignment),
                    System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(frame.Hash.Span)));
            }
        }
    }
}
