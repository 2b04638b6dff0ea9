using System.Text.Json;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Failures;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Pods.Tests;

/// <summary>A throw-away set of drives, and what was stored on it.</summary>
internal sealed class DriveFolders : IDisposable
{
    private readonly Dictionary<ulong, int> _stored = [];
    private readonly bool _keepsRoot;

    public DriveFolders(int drives, string? root = null, bool keepsRoot = false)
    {
        _keepsRoot = keepsRoot;
        Root = root ?? Path.Combine(Path.GetTempPath(), "holdfast-pod-" + Guid.NewGuid().ToString("N"));
        Configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, drives).Select(PathOf)]);
        SaveConfiguration();
    }

    public string Root { get; }

    public DriveSetConfiguration Configuration { get; set; }

    public string State => Path.Combine(Root, "state");

    public string ConfigurationFile => Path.Combine(Root, "pod.json");

    public ShardCode Code => ShardCode.For(Configuration.Drives.Count);

    public int Count => _stored.Count;

    /// <summary>What was acknowledged: number and length.</summary>
    public IReadOnlyDictionary<ulong, int> Stored => _stored;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public string PathOf(int slot) => Path.Combine(Root, "drives", $"{slot:00}");

    public void SaveConfiguration() => File.WriteAllText(ConfigurationFile, JsonSerializer.Serialize(Configuration, StatusJson.Default.DriveSetConfiguration));

    public Task<ShardStore> OpenAsync() => OpenAsync(Configuration, State, Cancellation);

    /// <summary>Opens drives that this process has just closed. A process that another test starts holds their locks from its fork to its exec.</summary>
    public static async Task<ShardStore> OpenAsync(DriveSetConfiguration configuration, string state, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(3));
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (true)
        {
            try
            {
                return await ShardStore.OpenAsync(configuration, state, TimeProvider.System, Pod.CondemnGrace, NullLogger.Instance, cancellation, StoredObjects.SmallVolumes);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.AlreadyRunning && !limit.IsCancellationRequested)
            {
                await pause.WaitForNextTickAsync(cancellation);
            }
        }
    }

    public async Task PutAsync(ShardStore store, ulong number, int length)
    {
        await store.PutAsync(StoredObjects.Name(number), StoredObjects.Content(number, length), Cancellation);
        _stored[number] = length;
    }

    /// <summary>Objects of all sorts of lengths, several at once.</summary>
    public async Task FillAsync(ShardStore store, int count, int seed)
    {
        var random = new Random(seed);
        var first = (ulong)_stored.Count;
        var lengths = Enumerable.Range(1, count).Select(index => (Number: first + (ulong)index, Length: StoredObjects.DrawLength(random))).ToList();
        await Task.WhenAll(lengths.Select(item => store.PutAsync(StoredObjects.Name(item.Number), StoredObjects.Content(item.Number, item.Length), Cancellation)));
        lengths.ForEach(item => _stored[item.Number] = item.Length);
    }

    /// <summary>Something else saw this acknowledged.</summary>
    public void Acknowledged(ulong number, int length) => _stored[number] = length;

    /// <summary>Every byte of everything that was acknowledged.</summary>
    public async Task ReadsAllAsync(ShardStore store)
    {
        foreach (var (number, length) in _stored)
        {
            var read = new byte[length];
            try
            {
                await store.ReadAsync(StoredObjects.Name(number), 0, read, Cancellation);
            }
            catch (HoldfastException exception)
            {
                Assert.Fail($"object {number} of {length} bytes: {exception.Message}");
            }

            Assert.True(StoredObjects.Content(number, length).AsSpan().SequenceEqual(read), $"object {number} of {length} bytes differs");
        }
    }

    /// <summary>The disk is not there any more: an empty directory is left, as after an unmount.</summary>
    public void Unmount(int slot)
    {
        Directory.Move(PathOf(slot), PathOf(slot) + ".away");
        Directory.CreateDirectory(PathOf(slot));
    }

    public void Mount(int slot)
    {
        Directory.Delete(PathOf(slot), recursive: true);
        Directory.Move(PathOf(slot) + ".away", PathOf(slot));
    }

    public void LoseIndex() => Directory.Delete(State, recursive: true);

    public IReadOnlyList<string> Extents(int slot) => [.. Directory.EnumerateFiles(Path.Combine(PathOf(slot), "ext")).Order()];

    public void Dispose()
    {
        if (!_keepsRoot)
        {
            Directory.Delete(Root, recursive: true);
        }
    }
}
