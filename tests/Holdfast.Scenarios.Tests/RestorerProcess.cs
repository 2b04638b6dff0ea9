using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Scenarios.Tests;

/// <summary>The real restorer, beside the service.</summary>
internal sealed class RestorerProcess(string data, string service, string tokenFile, string key, string passphrase) : IAsyncDisposable
{
    private Process? _process;

    public string Data => data;

    public string Url { get; private set; } = "";

    /// <summary>Archives in its spool.</summary>
    public IReadOnlyList<string> Held => Directory.Exists(Path.Combine(data, "archives")) ? Directory.GetDirectories(Path.Combine(data, "archives")) : [];

    /// <summary>The most memory that it had, in bytes.</summary>
    public long PeakMemory => long.Parse(File.ReadLines($"/proc/{_process!.Id}/status").First(line => line.StartsWith("VmHWM", StringComparison.Ordinal)).Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) << 10;

    /// <summary>Starts it at a port (0 for a free one) and waits until it serves.</summary>
    public async Task StartAsync(int port, CancellationToken cancellation)
    {
        Directory.CreateDirectory(data);
        await File.WriteAllTextAsync(Path.Combine(data, "passphrase"), passphrase, cancellation);
        var start = Programs.Start(Programs.Holdfastd, ["restorer", "run", "--data", data, "--service", service, "--token-file", tokenFile, "--escrow-key", key, "--passphrase-file", Path.Combine(data, "passphrase"),
            "--listen", $"http://127.0.0.1:{port}"], new Dictionary<string, string>());
        start.RedirectStandardError = false;
        _process = Process.Start(start)!;
        var line = await _process.StandardOutput.ReadLineAsync(cancellation) ?? throw new InvalidOperationException("the restorer ended");
        Url = line[line.LastIndexOf("http", StringComparison.Ordinal)..].TrimEnd('.');
    }

    public async Task KillAsync(CancellationToken cancellation)
    {
        _process!.Kill();
        await _process.WaitForExitAsync(cancellation);
        _process.Dispose();
        _process = null;
    }

    /// <summary>As SIGTERM does.</summary>
    public async Task<int> StopAsync(CancellationToken cancellation)
    {
        using var kill = Process.Start("/bin/kill", [_process!.Id.ToString(CultureInfo.InvariantCulture)]);
        await _process.WaitForExitAsync(cancellation);
        var code = _process.ExitCode;
        _process.Dispose();
        _process = null;
        return code;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync(CancellationToken.None);
        }
    }
}
