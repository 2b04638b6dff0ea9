using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Pods.Storing;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Holdfast.Pods;

/// <summary>A pod: receive → inspect → store durably → receipt; and read, verified, for who holds a grant. In the background it scrubs, repairs and rebuilds.</summary>
public sealed class Pod : IAsyncDisposable
{
    /// <summary>How long a condemned object stays readable for those who still know its address.</summary>
    public static readonly TimeSpan CondemnGrace = TimeSpan.FromHours(24);

    private readonly ShardStore _store;
    private readonly PodEndpoints _endpoints;
    private readonly OperatorEndpoints _operator;
    private readonly PodMeter _meter;

    private Pod(ShardStore store, PodKeys keys, Action<DriveSetConfiguration> keepDrives, TimeProvider time)
    {
        _store = store;
        _endpoints = new PodEndpoints(store, keys, time);
        _operator = new OperatorEndpoints(store, keys, keepDrives);
        _meter = new PodMeter(store, time);
    }

    public IPackStore Store => _store;

    /// <summary>What may be lost, in words.</summary>
    public string Code => _store.Status().Code;

    /// <summary>Opens the drives; one that is not mounted is missing, and never taken for empty.</summary>
    /// <param name="drives">The drives, as the operator lists them.</param>
    /// <param name="stateFolder">For the index and the events, which can be lost.</param>
    /// <param name="keys">Whose grants count, and which key signs receipts.</param>
    /// <param name="keepDrives">Keeps a changed list of drives, durably.</param>
    /// <param name="time">Clock.</param>
    /// <param name="logging">Hears of every event.</param>
    /// <param name="cancellation">Ends the conversion of an older layout.</param>
    public static async Task<Pod> OpenAsync(
        DriveSetConfiguration drives, string stateFolder, PodKeys keys, Action<DriveSetConfiguration> keepDrives, TimeProvider time, ILoggerFactory logging, CancellationToken cancellation) =>
        new(await ShardStore.OpenAsync(drives, stateFolder, time, CondemnGrace, logging.CreateLogger<Pod>(), cancellation), keys, keepDrives, time);

    public void Map(IEndpointRouteBuilder routes)
    {
        _endpoints.Map(routes);
        _operator.Map(routes);
    }

    public async ValueTask DisposeAsync()
    {
        _meter.Dispose();
        _endpoints.Dispose();
        await _store.DisposeAsync();
    }
}
