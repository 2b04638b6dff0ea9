using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.Extensions.Logging;

namespace Holdfast.Pods.Drives;

/// <summary>Tells the operator what happens to drives: in the log, in a metric, in the status, and in a file that outlives the process.</summary>
internal sealed partial class PodEvents(string path, TimeProvider time, ILogger logger)
{
    private const int KeptMax = 200;

    /// <summary>Then the file begins anew; the one before it is kept.</summary>
    private const long FileLengthMax = 8 << 20;

    private static readonly Meter _meter = new("Holdfast.Pods");
    private static readonly Counter<long> _counter = _meter.CreateCounter<long>("holdfast_pod_events", description: "Events of drives, by kind.");

    private readonly Lock _lock = new();
    private readonly Queue<PodEvent> _latest = new();

    /// <summary>The latest events, oldest first.</summary>
    public IReadOnlyList<PodEvent> Latest
    {
        get
        {
            lock (_lock)
            {
                return [.. _latest];
            }
        }
    }

    public void Report(string kind, string message)
    {
        var happened = new PodEvent(time.GetUtcNow(), kind, message);
        _counter.Add(1, new KeyValuePair<string, object?>("kind", kind));
        Log(kind, message);
        lock (_lock)
        {
            _latest.Enqueue(happened);
            if (_latest.Count > KeptMax)
            {
                _latest.Dequeue();
            }

            try
            {
                if (File.Exists(path) && new FileInfo(path).Length > FileLengthMax)
                {
                    File.Move(path, path + ".1", overwrite: true);
                }

                File.AppendAllText(path, JsonSerializer.Serialize(happened) + "\n");
            }
            catch (IOException exception)
            {
                // The event is in the log and in the status all the same.
                LogNotKept(exception, path);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "pod: {Kind}: {Message}")]
    private partial void Log(string kind, string message);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Path} cannot be written")]
    private partial void LogNotKept(Exception exception, string path);
}
