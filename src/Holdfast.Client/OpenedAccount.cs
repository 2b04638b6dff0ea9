using System.Globalization;
using Holdfast.Client.Committing;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Enrolling;
using Holdfast.Client.Indexing;
using Holdfast.Client.Restoring;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Format;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>A snapshot that was opened: its head and body.</summary>
public sealed record OpenedSnapshot(Head Head, SnapshotBody Body, SnapshotObject Stored, DateTimeOffset ReceivedAt, string Computer)
{
    /// <summary>The first digits of the head's id, as people name snapshots.</summary>
    public string ShortId => Convert.ToHexStringLower(Head.Id.AsSpan(0, 4));

    /// <summary>When its computer began it, by that computer's clock.</summary>
    public DateTimeOffset ClientTime => DateTimeOffset.UnixEpoch.AddTicks(Head.TimeNanoseconds / TimeSpan.NanosecondsPerTick);

    /// <summary>True if the computer's clock and the service's time of receipt are over a day apart: one of them is wrong, or the backup took that long.</summary>
    public bool IsTimeDoubtful => (ReceivedAt - ClientTime).Duration() > TimeSpan.FromHours(24);
}

/// <summary>A snapshot that cannot be opened, and why.</summary>
public sealed record UnreadableSnapshot(Head Head, HoldfastException Failure);

/// <summary>The account as a person with the passphrase, or the holder of the escrow key that its owner agreed to, sees it: everything can be read, and everything is proved.</summary>
public sealed class OpenedAccount : IDisposable
{
    /// <summary>Opened frames in memory: the writers of a restore, and a little to share.</summary>
    private const int FramesKept = 8;

    /// <summary>Every account has it; there are no others yet.</summary>
    private const uint FirstGroup = 1;

    private readonly Computer _computer;
    private readonly ComputerFolders _folders;
    private readonly ServiceClient _service;
    private readonly FrameKeys _keys;
    private readonly FrameCache _frames;
    private readonly List<LocalSegment> _standIns = [];
    private readonly HashSet<uint> _indexedPacks = [];
    private readonly List<uint> _lostSegments = [];
    private IReadOnlyList<LocalSegment>? _segments;
    private IReadOnlyList<IDisposable> _owns = [];

    private OpenedAccount(Computer computer, ComputerFolders folders, ServiceClient service, AccountView view, Keyring keyring)
    {
        _computer = computer;
        _folders = folders;
        _service = service;
        View = view;
        Keyring = keyring;
        _keys = new FrameKeys(keyring);
        Source = new ObjectSource(service, computer, view.Log);
        Tables = new ObjectSource(service, computer, view.Log, tablesOnly: true);
        _frames = new FrameCache(NewLoader().LoadAsync, FramesKept);
    }

    public AccountView View { get; }

    public Keyring Keyring { get; }

    internal ObjectSource Source { get; }

    /// <summary>Reads tables of packs only: what is looked at for the index is not thereby needed.</summary>
    internal ObjectSource Tables { get; }

    internal FrameLoader NewLoader() => new(Source, _keys);

    internal GroupKeys Group => _computer.Group;

    /// <summary>Opens the account with a passphrase or recovery key; a wrong one is the failure wrong_passphrase.</summary>
    public static async Task<OpenedAccount> OpenAsync(
        Computer computer, ComputerFolders folders, ServiceClient service, string secret, CancellationToken cancellation)
    {
        var view = await AccountView.LoadAsync(service, computer, Memory.Load(folders), cancellation);
        var stored = await service.GetKeyringAsync(cancellation);
        var keyring = OpenKeyring(stored, view, secret);
        service.OpenReading = token => Attachment.OpenReadingAsync(service, computer, keyring, token);
        return new OpenedAccount(computer, folders, service, view, keyring);
    }

    /// <summary>Opens a managed account with one of the operator's escrow keys; one that none of them opens is the failure not_managed.</summary>
    /// <param name="service">The service, as somebody whom it lets read the account; disposed of with the account.</param>
    /// <param name="serviceUrl">Its address.</param>
    /// <param name="account">The account.</param>
    /// <param name="keys">The keys.</param>
    /// <param name="folders">Where what was seen of the account, and its index, are kept.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<OpenedAccount> OpenEscrowedAsync(
        ServiceClient service, string serviceUrl, AccountId account, IReadOnlyList<EscrowKey> keys, ComputerFolders folders, CancellationToken cancellation)
    {
        var view = await AccountView.LoadAsReaderAsync(service, account, Memory.Load(folders), cancellation);
        var keyring = OpenKeyring(await service.GetKeyringAsync(cancellation), view.Log, keys);

        // No computer of the account: it signs nothing, and reads as whom the service let in.
        var reader = new Computer(serviceUrl, account, "", 0, "", "", view.Log.RootKey.ToArray(), keyring.Group(FirstGroup), System.Security.Cryptography.ECDsa.Create());
        return new OpenedAccount(reader, folders, service, view, keyring) { _owns = [service, reader.SigningKey] };
    }

    internal static Keyring OpenKeyring(byte[] stored, AccountView view, string secret) => OpenKeyring(stored, view.Log, secret);

    private static Keyring OpenKeyring(byte[] stored, Format.Accounts.AccountLog log, IReadOnlyList<EscrowKey> keys)
    {
        foreach (var key in keys)
        {
            try
            {
                return AccountView.Verified(() => Keyring.Open(KeyringObject.Parse(stored), log, key));
            }
            catch (WrongSecretException)
            {
                // Another may.
            }
        }

        throw new HoldfastException(FailureTable.NotManaged, "No escrow key that is here opens the account.");
    }

    internal static Keyring OpenKeyring(byte[] stored, Format.Accounts.AccountLog log, string secret)
    {
        try
        {
            return AccountView.Verified(() => Keyring.Open(KeyringObject.Parse(stored), log, Unlocking.Of(secret)));
        }
        catch (WrongSecretException exception)
        {
            throw new HoldfastException(FailureTable.WrongPassphrase, "The passphrase or recovery key is wrong.", exception);
        }
    }

    /// <summary>Snapshots that the service shows but that cannot be opened, or that it hides without a signed reason; filled by <see cref="SnapshotsAsync"/>.</summary>
    public IReadOnlyList<UnreadableSnapshot> Unreadable { get; private set; } = [];

    /// <summary>Every snapshot that can be opened, oldest first. All chains are proved whole; one damaged snapshot does not hide the others.</summary>
    public async Task<IReadOnlyList<OpenedSnapshot>> SnapshotsAsync(CancellationToken cancellation)
    {
        var listed = (await _service.GetSnapshotsAsync(cancellation)).OrderBy(snapshot => snapshot.ReceivedAt).ToList();
        var chains = View.VerifyChains(listed.Select(snapshot => snapshot.Head));
        View.Memory.Save(View.Log, chains.ToDictionary(pair => pair.Key, pair => pair.Value[^1]));
        var unreadable = new List<UnreadableSnapshot>();
        var opened = new List<OpenedSnapshot>();
        await Source.OpenAsync(listed.Where(snapshot => snapshot.State == "live").Select(snapshot => View.Verify(snapshot.Head).SnapshotNumber), cancellation);
        foreach (var summary in listed)
        {
            var head = View.Verify(summary.Head);
            if (View.Log.DeletedSnapshots.Contains((head.Computer, head.Sequence)))
            {
                // The root signed that it is gone; its head stays in the chain.
                continue;
            }

            try
            {
                opened.Add(summary.State == "live"
                    ? await OpenSnapshotAsync(head, DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(summary.ReceivedAt, 0, 253402300799)), chains, cancellation)
                    : throw new HoldfastException(FailureTable.Tampered, $"The service says it is {summary.State}, and no signed statement says why."));
            }
            catch (HoldfastException exception) when (BlobReader.IsDamage(exception) || exception.Kind == FailureTable.NewerVersion)
            {
                unreadable.Add(new UnreadableSnapshot(head, exception));
            }
        }

        Unreadable = unreadable;
        return opened;
    }

    /// <summary>A day (all of it, by this computer's clock) or a moment; null if it is none.</summary>
    private static DateTimeOffset? TryReadMoment(string name) =>
        DateOnly.TryParseExact(name, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? new DateTimeOffset(day.AddDays(1).ToDateTime(default, DateTimeKind.Local)).AddTicks(-1)
            : name.Contains('T', StringComparison.Ordinal) && DateTimeOffset.TryParse(name, CultureInfo.InvariantCulture, DateTimeStyles.AssumeLocal, out var moment) ? moment : null;

    /// <summary>A snapshot by id, its first digits, a day or moment (the newest that is not later), or "latest": the newest of this computer's own chain, or else of the computer whose place it took, or else of all. Choosing one that cannot be opened is its failure.</summary>
    public async Task<OpenedSnapshot> FindSnapshotAsync(string name, CancellationToken cancellation)
    {
        var snapshots = await SnapshotsAsync(cancellation);
        var heads = snapshots.Select(snapshot => snapshot.Head).Concat(Unreadable.Select(snapshot => snapshot.Head)).ToList();
        if (name == "latest")
        {
            var own = heads.Where(head => head.Computer == _computer.Number).MaxBy(head => head.Sequence);
            for (var predecessors = own is null ? new Queue<uint>((await _service.TryDescribeAsync(cancellation))?.Predecessors ?? []) : []; own is null && predecessors.TryDequeue(out var before);)
            {
                own = heads.Where(head => head.Computer == before).MaxBy(head => head.Sequence);
            }

            return Choose(own ?? (snapshots.Count > 0 ? snapshots[^1].Head : heads.FirstOrDefault())
                ?? throw new HoldfastException(FailureTable.NotFound, "There is no snapshot yet."), snapshots);
        }

        if (TryReadMoment(name) is { } moment)
        {
            var before = snapshots.Where(snapshot => snapshot.ReceivedAt <= moment).OrderBy(snapshot => snapshot.ReceivedAt).ToList();
            return before.LastOrDefault(snapshot => snapshot.Head.Computer == _computer.Number) ?? before.LastOrDefault() ?? throw new HoldfastException(FailureTable.NotFound, $"There is no snapshot of {name} or before.");
        }

        var matching = heads.Where(head => name.Length >= 4 && Convert.ToHexStringLower(head.Id).StartsWith(name, StringComparison.OrdinalIgnoreCase)).ToList();
        return matching.Count switch
        {
            1 => Choose(matching[0], snapshots),
            0 => throw new HoldfastException(FailureTable.NotFound, $"There is no snapshot {name}."),
            _ => throw new HoldfastException(FailureTable.InvalidRequest, $"{name} is the beginning of {matching.Count} snapshots: give more digits."),
        };
    }

    /// <summary>The snapshot's map, each page proved by the hash that the head vouches for.</summary>
    internal async Task<ReferenceMap> ReadMapAsync(OpenedSnapshot snapshot, CancellationToken cancellation)
    {
        var map = new ReferenceMap();
        await Source.OpenAsync(snapshot.Stored.Pages.Select(page => page.Number), cancellation);
        foreach (var reference in snapshot.Stored.Pages)
        {
            var signed = await Source.ReadSignedAsync(reference.Number, ObjectType.MapPage, cancellation);
            map.Add(AccountView.Verified(() => MapPage.HashOf(signed.Body.Span).AsSpan().SequenceEqual(reference.Hash.Span)
                ? MapPage.Parse(signed.Body.Span)
                : throw new MalformedObjectException("map page", $"page {reference.Index} is not the one that the snapshot names")));
        }

        return map;
    }

    /// <summary>Index segments that the service lists and that cannot be read; known once <see cref="SegmentsAsync"/> was called.</summary>
    internal IReadOnlyList<uint> LostSegments => _lostSegments;

    internal async Task<IReadOnlyList<LocalSegment>> SegmentsAsync(CancellationToken cancellation)
    {
        if (_segments is null)
        {
            _segments = await IndexCache.OpenAsync(_folders, _computer, _service, Source, _lostSegments.Add, cancellation);
            _indexedPacks.UnionWith(_segments.SelectMany(segment => segment.PacksCovered()));
        }

        return _segments;
    }

    /// <summary>Reads the blobs of a snapshot with this map. For packs that no segment covers, their blob tables stand in.</summary>
    internal async Task<BlobReader> NewBlobReaderAsync(ReferenceMap map, CancellationToken cancellation)
    {
        var segments = await SegmentsAsync(cancellation);
        var uncovered = map.Packs.Where(_indexedPacks.Add).ToList();
        if (uncovered.Count > 0 && await BlobTables.IndexAsync(Tables, uncovered, Group, _folders, cancellation) is { } standIn)
        {
            _standIns.Add(standIn);
        }

        return new BlobReader(_frames, [.. segments, .. _standIns], Group, map);
    }

    public void Dispose()
    {
        _service.OpenReading = null;
        foreach (var segment in (_segments ?? []).Concat(_standIns))
        {
            segment.Dispose();
        }

        Keyring.Dispose();
        foreach (var owned in _owns)
        {
            owned.Dispose();
        }
    }

    private OpenedSnapshot Choose(Head head, IReadOnlyList<OpenedSnapshot> snapshots)
    {
        var id = head.Id;
        return snapshots.FirstOrDefault(snapshot => snapshot.Head.Id.AsSpan().SequenceEqual(id))
            ?? throw Unreadable.First(snapshot => snapshot.Head.Id.AsSpan().SequenceEqual(id)).Failure;
    }

    private async Task<OpenedSnapshot> OpenSnapshotAsync(
        Head head, DateTimeOffset receivedAt, IReadOnlyDictionary<uint, List<Head>> chains, CancellationToken cancellation)
    {
        var signed = await Source.ReadSignedAsync(head.SnapshotNumber, ObjectType.Snapshot, cancellation);
        return AccountView.Verified(() =>
        {
            if (!System.Security.Cryptography.SHA256.HashData(signed.Bytes.Span).AsSpan().SequenceEqual(head.SnapshotHash.Span))
            {
                throw new MalformedObjectException("snapshot", $"object {head.SnapshotNumber} is not the snapshot that its head names");
            }

            var stored = SnapshotObject.Parse(signed.Body.Span);

            // What this computer's siblings saw must be in what the service shows now: a machine that recovers learns from them.
            if (stored.Sightings.FirstOrDefault(seen => !chains.TryGetValue(seen.Computer, out var chain) || chain.Count < seen.Sequence || seen.Sequence == 0
                || !chain[(int)seen.Sequence - 1].Id.AsSpan().SequenceEqual(seen.HeadId.Span)) is { } hidden)
            {
                throw new HoldfastException(FailureTable.Tampered, $"Snapshot {head.Sequence} of computer {head.Computer} saw snapshot {hidden.Sequence} of computer {hidden.Computer}, which the service does not show.");
            }

            byte[] sealedBody = [.. stored.Salt.Span, .. stored.SealedBody.Span];
            var body = ObjectSealer.OpenPadded(_keys.Session(stored.Key).Key, SnapshotWriter.BodyContext(head.Account, signed.Header.Group, head.SnapshotNumber), sealedBody);
            return new OpenedSnapshot(head, SnapshotBody.Decode(body), stored, receivedAt, View.Log.Computers[head.Computer].Name);
        });
    }
}
