using Holdfast.Pods.Drives;
using Holdfast.Pods.Storing;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Contracts.Tests;

public sealed class MemoryPackStoreTests : PackStoreContract
{
    public MemoryPackStoreTests()
    {
        Store = new MemoryPackStore(Time, Grace);
    }

    private protected override IPackStore Store { get; }
}

public sealed class OneDriveTests() : ShardStoreContract(1);

public sealed class ThreeDrivesTests() : ShardStoreContract(3);

public sealed class TwentyDrivesTests() : ShardStoreContract(20);

/// <summary>The drives engine with any number of drives.</summary>
public abstract class ShardStoreContract(int drives) : PackStoreContract, IAsyncLifetime
{
    private readonly string _root = Path.Combine(Path.GetTempPath(), "holdfast-drives-" + Guid.NewGuid().ToString("N"));
    private ShardStore _store = null!;

    private protected override IPackStore Store => _store;

    public async ValueTask InitializeAsync()
    {
        var configuration = DriveSetConfiguration.Create([.. Enumerable.Range(0, drives).Select(slot => Path.Combine(_root, $"{slot:00}"))]);
        _store = await ShardStore.OpenAsync(configuration, Path.Combine(_root, "state"), Time, Grace, NullLogger.Instance, Cancellation);
    }

    public async ValueTask DisposeAsync()
    {
        await _store.DisposeAsync();
        Directory.Delete(_root, recursive: true);
        GC.SuppressFinalize(this);
    }
}
