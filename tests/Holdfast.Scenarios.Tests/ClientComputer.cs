using System.Diagnostics;
using System.Text.Json;
using Holdfast.Client.Computers;

namespace Holdfast.Scenarios.Tests;

/// <summary>A computer with its own configuration, state and cache, driving the real client.</summary>
internal sealed class ClientComputer(string root)
{
    public const string Passphrase = "correct horse battery staple";

    public string Root => root;

    /// <summary>The client that it runs.</summary>
    public string Program { get; set; } = Programs.Holdfast;

    public string Config => Path.Combine(root, "config");

    public string State => Path.Combine(root, "state");

    public string Cache => Path.Combine(root, "cache");

    /// <summary>The account's recovery key, if this computer founded it.</summary>
    public string? RecoveryKey { get; set; }

    public Dictionary<string, string> Environment { get; } = new()
    {
        ["HOLDFAST_CONFIG_DIR"] = Path.Combine(root, "config"),
        ["HOLDFAST_STATE_DIR"] = Path.Combine(root, "state"),
        ["HOLDFAST_CACHE_DIR"] = Path.Combine(root, "cache"),
        ["HOLDFAST_PASSPHRASE"] = Passphrase,
    };

    public ComputerFolders Folders => new(Config, State, Cache);

    /// <summary>Index segments in the cache.</summary>
    public IReadOnlyList<string> Segments => [.. Directory.EnumerateFiles(Cache, "*.segment", SearchOption.AllDirectories)];

    public Task<Ended> RunAsync(CancellationToken cancellation, params string[] arguments) => Programs.RunAsync(Program, arguments, Environment, cancellation);

    /// <summary>Runs a verb that must succeed.</summary>
    public async Task<Ended> MustAsync(CancellationToken cancellation, params string[] arguments)
    {
        var ended = await RunAsync(cancellation, arguments);
        Assert.True(ended.ExitCode == 0, $"holdfast {string.Join(' ', arguments)}: exit code {ended.ExitCode}\n{ended.Output}\n{ended.Error}");
        return ended;
    }

    public Process Start(params string[] arguments) => Process.Start(Programs.Start(Program, arguments, Environment))!;

    /// <summary>Backs up again what is stored already: nothing but the nodes of parent directories, whose times the test itself changes, may be new.</summary>
    public async Task SendsNothingNewAsync(string source, CancellationToken cancellation)
    {
        var summary = JsonDocument.Parse((await MustAsync(cancellation, "backup", source, "--json")).LastLine).RootElement;
        Assert.InRange(summary.GetProperty("bytes_new").GetInt64(), 0, 4000);
    }

    /// <summary>Forgets everything that is only a cache.</summary>
    public void DeleteCache() => Directory.Delete(Cache, recursive: true);

    /// <summary>Restores the latest snapshot and compares it with the source to the last byte.</summary>
    public async Task RestoresIdenticallyAsync(string source, CancellationToken cancellation, string snapshot = "latest")
    {
        var target = Path.Combine(root, "restored-" + Guid.NewGuid().ToString("N"));
        await MustAsync(cancellation, "restore", snapshot, "--target", target);
        var compared = await RunAsync(cancellation, "compare", source, target + source);
        Assert.True(compared.ExitCode == 0, compared.Output);
        Assert.EndsWith(": identical", compared.LastLine, StringComparison.Ordinal);
        // .NET cannot delete names that are not UTF-8.
        using var removal = Process.Start("/bin/rm", ["-rf", target]);
        await removal.WaitForExitAsync(cancellation);
    }
}
