using System.Threading.Channels;
using Holdfast.Client.Chunking;
using Holdfast.Client.Committing;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Packing;
using Holdfast.Client.Uploading;
using Holdfast.Client.Walking;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format.Blobs;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client;

/// <summary>What to back up, and how.</summary>
public sealed record BackupOptions
{
    public required IReadOnlyList<string> Paths { get; init; }

    public ExclusionOptions Exclusions { get; init; } = new();

    public IReadOnlyList<string> Tags { get; init; } = [];

    public required string Host { get; init; }

    /// <summary>zstd level; 0 stores everything raw.</summary>
    public int CompressionLevel { get; init; } = FrameCodec.DefaultLevel;

    /// <summary>Readers at once; each chunks, names, compresses and seals what it reads.</summary>
    public int Readers { get; init; } = Math.Clamp(Environment.ProcessorCount, 1, 8);

    /// <summary>Name and version of the program, kept in the snapshot.</summary>
    public required string Program { get; init; }
}

/// <summary>A finished backup; when the service asks for the next, if it says so.</summary>
public sealed record BackupResult(Head Head, DateTimeOffset ReceivedAt, DateTimeOffset? NextAt, SnapshotBody Body);

/// <summary>Backs this computer up: walk → read and chunk → seal and pack → upload → commit. Each stage is a folder of that name.</summary>
public sealed class Backup(Computer computer, ComputerFolders folders, ServiceClient service, TimeProvider time, RandomSource random)
{
    private const int StepsWaitingMax = 1024;

    private static readonly TimeSpan _leaving = TimeSpan.FromSeconds(2);

    /// <summary>Each holds its directory open.</summary>
    private const int JobsWaitingMax = 256;

    /// <summary>Bytes of the buffers that a backup holds: packs, frames and read windows. They do not grow with what is backed up.</summary>
    public static long BufferBytes(BackupOptions options) =>
        ((long)PackBuffers.Count * PackDraft.BufferLength) + (options.Readers * FileReader.BufferBytes) + ((options.Readers + 1) * FrameFiller.BufferBytes(FrameKind.Tree))
        + (options.Readers * FrameFiller.BufferBytes(FrameKind.Data));

    public async Task<BackupResult> RunAsync(BackupOptions options, BackupProgress progress, CancellationToken cancellation)
    {
        using var only = LocalLock.Take(folders);
        var dead = new HashSet<Address>();
        var usesListing = true;
        while (true)
        {
            try
            {
                progress.Restart();
                return await RunOnceAsync(options, progress, dead, usesListing, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.MissingFrames)
            {
                // The service lost or collected what caches here still name: what it held is read and sent again, as long as more is learned.
                var known = dead.Count;
                dead.UnionWith(exception.Missing.Select(frame => new Address(frame.Pack, frame.Frame)));
                if (dead.Count == known && !usesListing)
                {
                    throw;
                }

                usesListing = dead.Count > known && usesListing;
            }
        }
    }

    private async Task<BackupResult> RunOnceAsync(BackupOptions options, BackupProgress progress, IReadOnlySet<Address> dead, bool usesListing, CancellationToken cancellation)
    {
        var started = time.GetUtcNow();
        var (plan, paths) = WalkPlan.Of(options.Paths);
        CheckLimits(options, paths);
        var view = await AccountView.LoadAsync(service, computer, Memory.Load(folders), cancellation);
        var told = CollectedFrames.Load(folders);
        var opened = await new TurnFile(folders).OpenSessionAsync(service, new OpenSession(told.Number), cancellation);
        try
        {
            return await RunOpenedAsync(options, progress, dead, usesListing, new Opened(started, plan, paths, view, told, opened), cancellation);
        }
        catch (Exception exception) when (exception is not HoldfastException held || held.Kind != FailureTable.MissingFrames)
        {
            // Its place is another's at once, whatever ended this one.
            await LeaveAsync(opened.Session);
            throw;
        }
    }

    /// <summary>A service that cannot be told notices by itself, later.</summary>
    private async Task LeaveAsync(long session)
    {
        using var limit = new CancellationTokenSource(_leaving, time);
        try
        {
            await service.LeaveSessionAsync(session, limit.Token);
        }
        catch (Exception exception) when (exception is HoldfastException or OperationCanceledException)
        {
            // What ended the backup is what is told.
        }
    }

    private async Task<BackupResult> RunOpenedAsync(BackupOptions options, BackupProgress progress, IReadOnlySet<Address> dead, bool usesListing, Opened begun, CancellationToken cancellation)
    {
        var (started, plan, paths, view, told, opened) = begun;
        told.Take(opened.CollectionNumber, opened.Collected);
        var newest = view.VerifyNewest(opened.Heads);
        var collected = told.Frames.Concat(dead).ToHashSet();

        var frames = new FrameRegistry();
        var tables = new ObjectSource(service, computer, view.Log, tablesOnly: true);
        using var index = new BlobIndex(frames, await IndexCache.OpenAsync(folders, computer, service, new ObjectSource(service, computer, view.Log), _ => { }, cancellation), collected);
        using var numbers = new NumberSource(service, opened, time);
        using var listing = !usesListing ? null : ListingReader.TryOpen(Listing.PathOf(folders, computer.Account, paths), frames);
        using var nextListing = new ListingWriter(Listing.PathOf(folders, computer.Account, paths), started);
        var session = SessionKey.Create(computer.Account, computer.Number, computer.Group, view.Log.AccountKey.Span, random);
        var buffers = new PackBuffers();
        var uploader = new Uploader(computer, service, numbers, buffers, progress);
        using var writer = new SnapshotWriter(computer, service, numbers, uploader, frames, session, random);
        await UnindexedPacks.TakeInAsync(opened.UnindexedPacks, tables, computer, index, frames, collected, uploader, cancellation);

        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var steps = Channel.CreateBounded<WalkStep>(StepsWaitingMax);
        var jobs = Channel.CreateBounded<FileJob>(JobsWaitingMax);
        var packs = Channel.CreateBounded<FinishedPack>(PackBuffers.Count);
        using var packer = new Packer(computer, session, numbers, buffers, frames, packs.Writer, random);
        FrameFiller Filler(FrameKind kind) => new(kind, index, frames, packer, computer.Group, progress, options.CompressionLevel);
        using var trees = Filler(FrameKind.Tree);
        using var fillers = new FillerSet(() => Filler(FrameKind.Data), () => Filler(FrameKind.Tree), options.Readers);

        var fileSystems = new FileSystems();
        var walker = new TreeWalker(plan, Exclusions.Of(options.Exclusions, folders), listing, frames, collected, fileSystems, progress, steps.Writer, jobs.Writer);
        var assembler = new TreeAssembler(trees, nextListing, progress);
        var chunker = new Chunker(computer.Group.ChunkerKey);
        var walking = Task.Run(() => walker.WalkAsync(stop.Token), stop.Token);
        var reading = fillers.Pairs.Select(pair => Task.Run(() => new FileReader(chunker, pair.Data, pair.Lists, fileSystems, progress).RunAsync(jobs.Reader, stop.Token), stop.Token)).ToArray();
        var assembling = Task.Run(() => assembler.RunAsync(steps.Reader, stop.Token), stop.Token);
        var packing = ClosePacksAsync();
        var uploading = uploader.RunAsync(packs.Reader, () => writer.SpillAsync(index, folders, stop.Token), stop.Token);
        await Stages.RunAllAsync(stop, [walking, .. reading, assembling, packing, .. uploading]);

        async Task ClosePacksAsync()
        {
            await Task.WhenAll([.. reading, assembling]);
            await packer.CloseAsync(stop.Token);
            packs.Writer.Complete();
        }

        buffers.Release();
        await writer.WriteSegmentAsync(index, folders, cancellation);
        var body = Describe(options, paths, await assembling, started, progress);
        var committed = await writer.CommitAsync(
            body, MapOf(assembler, frames), newest.GetValueOrDefault(computer.Number), listing?.HeadId, listing?.Pages ?? [], view.Memory.Changed(newest, computer.Number), cancellation);
        view.Memory.Save(view.Log, newest.Where(pair => pair.Key != computer.Number).Append(new(computer.Number, committed.Head)).ToDictionary());
        nextListing.Complete(frames, committed.Pages, committed.Head.Id);
        return new BackupResult(committed.Head, committed.ReceivedAt, committed.NextAt, body);
    }

    /// <summary>What no reader would accept is refused before anything is done.</summary>
    private static void CheckLimits(BackupOptions options, IReadOnlyList<byte[]> paths)
    {
        if (SnapshotBody.FindExcess(options.Host, paths, options.Tags, options.Program) is { } excess)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, excess);
        }
    }

    private static SnapshotBody Describe(BackupOptions options, IReadOnlyList<byte[]> paths, BlobId root, DateTimeOffset started, BackupProgress progress) => new()
    {
        Root = root,
        Host = options.Host,
        Paths = paths,
        TimeNanoseconds = (started - DateTimeOffset.UnixEpoch).Ticks * TimeSpan.NanosecondsPerTick,
        Tags = options.Tags,
        Files = (ulong)progress.Files,
        Directories = (ulong)progress.Directories,
        Others = (ulong)progress.Others,
        Bytes = (ulong)progress.Bytes,
        Unread = (ulong)progress.Troubles.Count,
        Program = options.Program,
    };

    private static ReferenceMap MapOf(TreeAssembler assembler, FrameRegistry frames)
    {
        var map = new ReferenceMap();
        for (var ordinal = 0; ordinal < frames.Count; ordinal++)
        {
            if (assembler.Uses(ordinal))
            {
                map.Add(frames[(uint)ordinal]);
            }
        }

        return map;
    }

    /// <summary>A backup whose session is open.</summary>
    private sealed record Opened(DateTimeOffset Started, WalkPlan Plan, IReadOnlyList<byte[]> Paths, AccountView View, CollectedFrames Told, SessionOpened Session);
}
