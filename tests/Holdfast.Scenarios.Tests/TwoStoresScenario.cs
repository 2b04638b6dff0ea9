using System.Text.Json;
using Holdfast.Tests;

namespace Holdfast.Scenarios.Tests;

/// <summary>A service with two stores of accounts: "near" on SQLite, "far" on a PostgreSQL of its own.</summary>
public abstract class TwoStoresScenario : Scenario
{
    private protected PostgresCluster Cluster { get; private set; } = null!;

    /// <summary>The store "far".</summary>
    protected string Accounts { get; private set; } = "";

    protected string Data => Path.Combine(Root, "service");

    private protected override async Task<Service> StartServiceAsync()
    {
        Cluster = await PostgresCluster.StartAsync(Cancellation);
        Accounts = await Cluster.NewDatabaseAsync("accounts", Cancellation);
        Directory.CreateDirectory(Data);
        await ConfigureAsync();
        return await Service.StartAsync(Data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync();
        await Cluster.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    /// <summary>Writes the configuration, for the next start.</summary>
    protected Task ConfigureAsync(string home = "near", string? directory = null, string? nextDirectory = null, IReadOnlyDictionary<string, string>? trees = null, IReadOnlyDictionary<string, string[]>? commands = null) => File.WriteAllTextAsync(Path.Combine(Data, "holdfastd.json"), JsonSerializer.Serialize(new
    {
        directory = directory ?? $"sqlite:{Data}/directory.db", next_directory = nextDirectory, stores = new { near = $"sqlite:{Data}/accounts.db", far = Accounts }, new_accounts = home, trees, commands,
    }), Cancellation);
}
