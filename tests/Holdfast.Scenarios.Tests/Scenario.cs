using System.Diagnostics;
using System.Text.Json;

namespace Holdfast.Scenarios.Tests;

/// <summary>A throw-away folder with a service; each test has its own.</summary>
public abstract class Scenario : IAsyncLifetime
{
    private protected Service Service { get; private set; } = null!;

    protected string Root { get; } = Path.Combine(Path.GetTempPath(), "holdfast-test-" + Guid.NewGuid().ToString("N"));

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected static bool IsLong => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1";

    /// <summary>Where clients reach the service.</summary>
    protected virtual string Url => Service.Url;

    public async ValueTask InitializeAsync()
    {
        Directory.CreateDirectory(Root);
        Service = await StartServiceAsync();
    }

    private protected virtual Task<Service> StartServiceAsync() => Service.StartAsync(Path.Combine(Root, "service"), Cancellation);

    public virtual async ValueTask DisposeAsync()
    {
        await Service.DisposeAsync();
        Shell($"chmod -R u+rwX '{Root}' 2>/dev/null; rm -rf '{Root}'");
        GC.SuppressFinalize(this);
    }

    private protected async Task<ClientComputer> EnrolAsync(string name, string account, string? code = null)
    {
        var computer = new ClientComputer(Path.Combine(Root, name));
        await computer.MustAsync(Cancellation, "enrol", Url, code ?? await Service.NewAccountAsync(account, Cancellation), "--name", name);
        return computer;
    }

    /// <summary><c>holdfast admin</c>, with the token of the operator of this machine.</summary>
    private protected Task<Ended> AdminAsync(params string[] arguments) =>
        Programs.RunAsync(Programs.Holdfast, ["admin", .. arguments, "--service", Service.Url, "--token-file", Path.Combine(Service.Data, "operator-token")], new Dictionary<string, string>(), Cancellation);

    /// <summary>What an operator is told whose command is refused.</summary>
    private protected async Task<string> RefusedAsync(params string[] arguments)
    {
        var ended = await AdminAsync(arguments);
        Assert.True(ended.ExitCode != 0, $"{string.Join(' ', arguments)} was not refused");
        return ended.Error;
    }

    /// <summary>The JSON lines of a verb that must succeed.</summary>
    private protected static List<JsonElement> Lines(Ended ended)
    {
        Assert.True(ended.ExitCode == 0, ended.Error);
        return [.. ended.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    /// <summary>Looks until something is so, a minute at most.</summary>
    private protected static async Task WaitAsync(Func<Task<bool>> isDone)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        limit.CancelAfter(TimeSpan.FromMinutes(1));
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!await isDone())
        {
            await look.WaitForNextTickAsync(limit.Token);
        }
    }

    /// <summary>Files of all sizes around the chunker's and the frames' limits, seeded.</summary>
    protected string MakeTree(string name, int seed = 1, int files = 60)
    {
        var folder = Path.Combine(Root, name);
        var random = new Random(seed);
        for (var i = 0; i < files; i++)
        {
            var directory = Directory.CreateDirectory(Path.Combine(folder, $"d{i % 7}", $"e{i % 3}"));
            var bytes = new byte[i % 10 == 0 ? random.Next(1 << 20, 3 << 20) : random.Next(0, 40_000)];
            random.NextBytes(bytes.AsSpan(0, bytes.Length / 2));
            File.WriteAllBytes(Path.Combine(directory.FullName, $"f{i}"), bytes);
        }

        return folder;
    }

    /// <summary>A small disk of its own; skipped, and counted as skipped, where mounting is not allowed.</summary>
    protected string MountSmall(string name, string size)
    {
        var mount = Path.Combine(Root, name);
        Directory.CreateDirectory(mount);
        Assert.SkipUnless(Shell($"mount -t tmpfs -o size={size} none '{mount}' 2>/dev/null && echo mounted || true").Contains("mounted", StringComparison.Ordinal), "this needs the right to mount");
        return mount;
    }

    protected static string Shell(string script)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-ec", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var output = process.StandardOutput.ReadToEnd();
        var error = process.StandardError.ReadToEnd();
        process.WaitForExit();
        Assert.True(process.ExitCode == 0, script + "\n" + error);
        return output;
    }
}
