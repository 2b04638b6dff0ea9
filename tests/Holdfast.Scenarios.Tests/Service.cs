using System.Data.Common;
using System.Diagnostics;
using System.Text.Json;
using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Protocol.Grants;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging.Abstractions;

namespace Holdfast.Scenarios.Tests;

/// <summary>A running holdfastd with its own folder, an operator and as many accounts as a test asks for.</summary>
internal sealed class Service : IAsyncDisposable
{
    private static readonly IReadOnlyDictionary<string, string> _noEnvironment = new Dictionary<string, string>();

    private Process? _process;

    private readonly string _roles;
    private readonly string? _url;

    private Service(string data, string roles, string? url) => (Data, _roles, _url) = (data, roles, url);

    /// <summary>Where it keeps what it knows; a pod by itself keeps nothing there.</summary>
    public TestDatabases Databases { get; private set; } = null!;

    public string Data { get; }

    public string Url { get; private set; } = "";

    /// <summary>The program that the next start runs.</summary>
    public string Program { get; set; } = Programs.Holdfastd;

    public string Pod => Path.Combine(Data, "pod");

    /// <summary>What the process sees as its environment.</summary>
    private IReadOnlyDictionary<string, string> Environment { get; init; } = _noEnvironment;

    public static Task<Service> StartAsync(string data, CancellationToken cancellation, IReadOnlyDictionary<string, string>? environment = null) => StartAsync(data, "http://127.0.0.1:0", cancellation, environment: environment);

    /// <param name="data">Its folder.</param>
    /// <param name="listen">Where it listens.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <param name="roles">What the process is.</param>
    /// <param name="url">The address that clients use, if it is another.</param>
    /// <param name="isFirst">False for one more node of a service that has an operator.</param>
    /// <param name="environment">What the process sees as its environment.</param>
    public static async Task<Service> StartAsync(
        string data, string listen, CancellationToken cancellation, string roles = "authority,pod", string? url = null, bool isFirst = true, IReadOnlyDictionary<string, string>? environment = null)
    {
        var service = new Service(data, roles, url) { Environment = environment ?? _noEnvironment };
        if (roles != "pod")
        {
            service.Databases = await TestDatabases.MakeAsync(data, cancellation);
        }

        await service.RunAsync(listen, cancellation);
        if (roles == "pod" || !isFirst)
        {
            return service;
        }

        var made = await service.OperateAsync(["operator", "create", "tester"], cancellation);
        Assert.Equal(0, made.ExitCode);
        return service;
    }

    /// <summary>Starts the process again, on the port it had.</summary>
    public Task RestartAsync(CancellationToken cancellation) => RunAsync(Url, cancellation);

    public async Task<string> NewAccountAsync(string name, CancellationToken cancellation)
    {
        var made = await OperateAsync(["account", "create", name, "--quiet"], cancellation);
        Assert.True(made.ExitCode == 0, made.Error);
        return made.Output.Trim();
    }

    public async Task<string> NewCodeAsync(string account, CancellationToken cancellation) => (await OperateAsync(["account", "code", account, "--quiet"], cancellation)).Output.Trim();

    public Task<Ended> OperateAsync(IEnumerable<string> arguments, CancellationToken cancellation) =>
        Programs.RunAsync(Programs.Holdfastd, [.. arguments, "--data", Data], _noEnvironment, cancellation);

    /// <summary>The pod's drives, opened here while the service does not run; nothing there has a grace.</summary>
    public Task<ShardStore> OpenPodAsync(CancellationToken cancellation) => ShardStore.OpenAsync(
        JsonSerializer.Deserialize(File.ReadAllBytes(Path.Combine(Data, "pod.json")), StatusJson.Default.DriveSetConfiguration)!, Data, TimeProvider.System, TimeSpan.Zero, NullLogger.Instance, cancellation);

    /// <summary>Deletes an object from the drives for good.</summary>
    public static async Task DeleteAsync(ShardStore pod, ObjectName name, CancellationToken cancellation)
    {
        await pod.CondemnAsync(name, cancellation);
        await pod.DeleteAsync(name, cancellation);
    }

    /// <summary>The file and the offset of an object's record on the only drive.</summary>
    public (string File, long Offset) PlaceOnDrive(long number, AccountId? account = null)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(Data, "pod-index.db")};Pooling=False");
        connection.Open();
        using var command = Command(connection, "SELECT volume, offset FROM objects WHERE space = 1 AND name = @number AND (@account IS NULL OR account = @account)",
            [("@number", number), ("@account", account is { } of ? of.ToArray() : DBNull.Value)]);
        using var reader = command.ExecuteReader();
        Assert.True(reader.Read());
        return (Path.Combine(Pod, "ext", $"{reader.GetInt64(0):x8}.hfx"), reader.GetInt64(1));
    }

    /// <summary>What the pod says of itself.</summary>
    public async Task<JsonElement> PodStatusAsync(CancellationToken cancellation) =>
        JsonDocument.Parse((await OperateAsync(["pod", "status", "--json"], cancellation)).Output).RootElement;

    /// <summary>Changes the directory behind the service's back.</summary>
    public int DirectorySql(string statement)
    {
        using var connection = Databases.Open(isDirectory: true);
        using var command = Command(connection, statement, []);
        return command.ExecuteNonQuery();
    }

    /// <summary>Changes the account store behind the service's back.</summary>
    public int Sql(string statement, params (string Name, object Value)[] parameters)
    {
        using var connection = Databases.Open(isDirectory: false);
        using var command = Command(connection, statement, parameters);
        return command.ExecuteNonQuery();
    }

    /// <summary>One value of the directory.</summary>
    public T DirectoryAsk<T>(string query) => Ask<T>(isDirectory: true, query);

    /// <summary>One value of the account store.</summary>
    public T Ask<T>(string query, params (string Name, object Value)[] parameters) => Ask<T>(isDirectory: false, query, parameters);

    private T Ask<T>(bool isDirectory, string query, params (string Name, object Value)[] parameters)
    {
        using var connection = Databases.Open(isDirectory);
        using var command = Command(connection, query, parameters);
        return (T)Convert.ChangeType(command.ExecuteScalar()!, typeof(T), System.Globalization.CultureInfo.InvariantCulture);
    }

    /// <summary>Waits until the service's log says something.</summary>
    public async Task LogsAsync(string text, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(30));
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (true)
        {
            using var reader = new StreamReader(new FileStream(Data + ".log", FileMode.Open, FileAccess.Read, FileShare.ReadWrite));
            if ((await reader.ReadToEndAsync(limit.Token)).Contains(text, StringComparison.Ordinal))
            {
                return;
            }

            await timer.WaitForNextTickAsync(limit.Token);
        }
    }

    /// <summary>Sends a signal, such as STOP.</summary>
    public void Signal(string name)
    {
        using var kill = Process.Start("/bin/kill", [$"-{name}", $"{_process!.Id}"]);
        kill.WaitForExit();
        Assert.Equal(0, kill.ExitCode);
    }

    /// <summary>SIGTERM, and waits until it has ended by itself.</summary>
    public async Task StopAsync(CancellationToken cancellation)
    {
        Signal("TERM");
        await _process!.WaitForExitAsync(cancellation);
        Assert.Equal(0, _process.ExitCode);
        _process.Dispose();
        _process = null;
    }

    /// <summary>The id that the node's process has among jobs.</summary>
    public int ProcessId => _process!.Id;

    /// <summary>kill -9.</summary>
    public async Task KillAsync(CancellationToken cancellation)
    {
        _process!.Kill();
        await _process.WaitForExitAsync(cancellation);
        _process.Dispose();
        _process = null;
    }

    public async ValueTask DisposeAsync()
    {
        if (_process is not null)
        {
            await KillAsync(CancellationToken.None);
        }
    }

    private static DbCommand Command(DbConnection connection, string text, (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        command.CommandText = text;
        foreach (var (name, value) in parameters)
        {
            var parameter = command.CreateParameter();
            (parameter.ParameterName, parameter.Value) = (name, value);
            command.Parameters.Add(parameter);
        }

        return command;
    }

    private async Task RunAsync(string listen, CancellationToken cancellation)
    {
        var ready = Path.Combine(Data, "ready");
        if (File.Exists(ready))
        {
            File.Delete(ready);
        }

        _process = Process.Start(Programs.Start(Program, ["run", "--data", Data, "--listen", listen, "--roles", _roles, .. _url is null ? (string[])[] : ["--url", _url]], Environment))!;
        var log = new FileStream(Data + ".log", FileMode.Create, FileAccess.Write, FileShare.ReadWrite, bufferSize: 0);
        _ = _process.StandardOutput.BaseStream.CopyToAsync(log, CancellationToken.None).ContinueWith(_ => log.Dispose(), TaskScheduler.Default);
        var error = _process.StandardError.ReadToEndAsync(cancellation);
        using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(20));
        while (!File.Exists(ready))
        {
            Assert.False(_process.HasExited, $"holdfastd ended: {(_process.HasExited ? await error : "")}");
            await timer.WaitForNextTickAsync(cancellation);
        }

        Url = (await File.ReadAllTextAsync(ready, cancellation)).Trim();
    }
}
