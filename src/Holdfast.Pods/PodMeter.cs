using System.Diagnostics.Metrics;
using Holdfast.Pods.Drives;

namespace Holdfast.Pods;

/// <summary>A pod's state as gauges, for whoever watches the service.</summary>
internal sealed class PodMeter : IDisposable
{
    /// <summary>Counting all objects is dear in a large pod.</summary>
    private static readonly TimeSpan _keptFor = TimeSpan.FromMinutes(1);

    private readonly Meter _meter = new("Holdfast.Pods.State");
    private readonly Lock _lock = new();
    private readonly ShardStore _store;
    private readonly TimeProvider _time;
    private PodStatus? _status;
    private long _asked;

    public PodMeter(ShardStore store, TimeProvider time)
    {
        (_store, _time) = (store, time);
        _meter.CreateObservableGauge("holdfast_pod_drives", () => Status().Drives.GroupBy(drive => drive.State)
            .Select(group => new Measurement<int>(group.Count(), new KeyValuePair<string, object?>("state", group.Key))), description: "Drives by state.");
        _meter.CreateObservableGauge("holdfast_pod_drive_free_bytes", () => Status().Drives.Where(drive => drive.BytesFree is not null)
            .Select(drive => new Measurement<long>(drive.BytesFree!.Value, new KeyValuePair<string, object?>("drive", drive.Path))), description: "Free on each drive.");
        _meter.CreateObservableGauge("holdfast_pod_objects", () => Status().Objects, description: "Objects stored.");
        _meter.CreateObservableGauge("holdfast_pod_bytes", () => Status().Bytes, description: "Bytes of objects stored.");
        _meter.CreateObservableGauge("holdfast_pod_shards_missing", () => Status().Rebuild.ShardsMissing, description: "Extents that are to be rebuilt.");
        _meter.CreateObservableCounter("holdfast_pod_records_bad", () => Status().Scrub.RecordsBad, description: "Damaged records found, repaired ones too.");
        _meter.CreateObservableGauge("holdfast_pod_scrub_age_seconds", () => Status().Scrub.LastWholePass is { } last
            ? (IEnumerable<Measurement<double>>)[new Measurement<double>((time.GetUtcNow() - last).TotalSeconds)] : [], description: "Since the last whole pass over all drives.");
    }

    public void Dispose() => _meter.Dispose();

    /// <summary>One for all gauges of a look, and for looks that follow soon.</summary>
    private PodStatus Status()
    {
        lock (_lock)
        {
            if (_status is null || _time.GetElapsedTime(_asked) > _keptFor)
            {
                (_status, _asked) = (_store.Status(), _time.GetTimestamp());
            }

            return _status;
        }
    }
}
