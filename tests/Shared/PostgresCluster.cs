using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Holdfast.Tests;

/// <summary>A real PostgreSQL with a folder of its own, run by an unprivileged user, that can be killed and started again; gone when it is disposed of.</summary>
internal sealed class PostgresCluster : IAsyncDisposable
{
    private const string Binaries = "/usr/lib/postgresql/15/bin";
    private const string User = "postgres";

    private readonly string _root;
    private readonly int _port;
    private int _databases;
    private Process? _server;

    private readonly IReadOnlyList<string> _settings;

    private PostgresCluster(string root, int port, IReadOnlyList<string> settings) => (_root, _port, _settings) = (root, port, settings);

    /// <summary>What the server says.</summary>
    public string LogFile => _root + ".log";

    /// <summary>True if this process may become the cluster's user, or is an unprivileged one itself.</summary>
    private static bool IsRoot => Environment.UserName == "root";

    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="settings">More of the server's settings, such as <c>enable_seqscan=off</c>.</param>
    public static async Task<PostgresCluster> StartAsync(CancellationToken cancellation, params string[] settings)
    {
        var cluster = new PostgresCluster(Path.Combine(Path.GetTempPath(), "holdfast-postgres-" + Guid.NewGuid().ToString("N")), FreePort(), settings);
        Directory.CreateDirectory(cluster._root);
        if (IsRoot)
        {
            await RunAsync("chown", [User, cluster._root], cancellation);
        }

        await AsUserAsync($"{Binaries}/initdb", ["-D", cluster.Data, "-U", User, "-A", "trust", "--no-sync", "--locale=C", "-E", "UTF8"], cancellation);
        await cluster.StartServerAsync(cancellation);
        return cluster;
    }

    private string Data => Path.Combine(_root, "data");

    /// <summary>A database of its own, empty.</summary>
    public async Task<string> NewDatabaseAsync(string name, CancellationToken cancellation)
    {
        name = $"{name}_{Interlocked.Increment(ref _databases)}";
        await AsUserAsync($"{Binaries}/createdb", ["-h", _root, "-p", $"{_port}", "-U", User, name], cancellation);
        return $"Host=127.0.0.1;Port={_port};Username={User};Database={name}";
    }

    /// <summary>What psql prints.</summary>
    public Task<string> AskAsync(string connectionString, string sql, CancellationToken cancellation) => AsUserAsync($"{Binaries}/psql",
        ["-h", _root, "-p", $"{_port}", "-U", User, "-d", connectionString.Split("Database=")[1], "-At", "-v", "ON_ERROR_STOP=1", "-c", sql], cancellation);

    /// <summary>Kills the server as a power cut would: every connection is gone, and it recovers from its log at the next start.</summary>
    public async Task KillAsync(CancellationToken cancellation)
    {
        // The postmaster is a child of setpriv's exec: the same process.
        _server!.Kill();
        await _server.WaitForExitAsync(cancellation);
        _server.Dispose();
        _server = null;
    }

    /// <summary>Starts it and waits until it answers.</summary>
    public async Task StartServerAsync(CancellationToken cancellation)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        for (var isUp = false; !isUp; isUp = await IsUpAsync(cancellation))
        {
            if (_server is null || _server.HasExited)
            {
                // After a kill its last processes may still hold the folder for a moment.
                _server?.Dispose();
                _server = Process.Start(AsUser($"{Binaries}/postgres", ["-D", Data, "-p", $"{_port}", "-c", "listen_addresses=127.0.0.1", "-c", $"unix_socket_directories={_root}", "-c", "max_connections=400", .. _settings.SelectMany(setting => new[] { "-c", setting })]))!;
                var log = new FileStream(LogFile, FileMode.Append, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
                _ = _server.StandardError.BaseStream.CopyToAsync(log, CancellationToken.None).ContinueWith(_ => log.Dispose(), TaskScheduler.Default);
                _ = _server.StandardOutput.ReadToEndAsync(CancellationToken.None);
            }

            await pause.WaitForNextTickAsync(cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
        {
            await KillAsync(CancellationToken.None);
        }

        await RunAsync("rm", ["-rf", _root, LogFile], CancellationToken.None);
    }

    private async Task<bool> IsUpAsync(CancellationToken cancellation)
    {
        using var process = Process.Start(AsUser($"{Binaries}/pg_isready", ["-h", "127.0.0.1", "-p", $"{_port}", "-q"]))!;
        await process.WaitForExitAsync(cancellation);
        return process.ExitCode == 0;
    }

    private static ProcessStartInfo AsUser(string program, IEnumerable<string> arguments) => IsRoot
        ? Start("setpriv", ["--reuid", User, "--regid", User, "--clear-groups", program, .. arguments])
        : Start(program, arguments);

    private static Task<string> AsUserAsync(string program, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        var start = AsUser(program, arguments);
        return RunAsync(start.FileName, start.ArgumentList, cancellation);
    }

    private static async Task<string> RunAsync(string program, IEnumerable<string> arguments, CancellationToken cancellation)
    {
        using var process = Process.Start(Start(program, arguments))!;
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        Assert.True(process.ExitCode == 0, $"{program}: {await error}");
        return await output;
    }

    private static ProcessStartInfo Start(string program, IEnumerable<string> arguments) =>
        new(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" };

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
