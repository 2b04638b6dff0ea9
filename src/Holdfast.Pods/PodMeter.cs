using System.Diagnostics.Metrics;
using Holdfast.Pods.Drives;

namespace Holdfast.Pods;

/// <summary>A pod's state as gauges, for whoever watches the service.</summary>
internal sealed class PodMeter : IDisposable
{
    private readonly Meter _meter = new("Holdfast.Pods.State");

    public PodMeter(ShardStore store, TimeProvider time)
    {
        _meter.CreateObservableGauge("holdfast_pod_drives", () => store.Status().Drives.GroupBy(drive => drive.State)
            .Select(group => new Measurement<int>(group.Count(), new KeyValuePair<string, object?>("state", group.Key))), description: "Drives by state.");
        _meter.CreateObservableGauge("holdfast_pod_drive_free_bytes", () => store.Status().Drives.Where(drive => drive.BytesFree is not null)
            .Select(drive => new Measurement<long>(drive.BytesFree!.Value, new KeyValuePair<string, object?>("drive", drive.Path))), description: "Free on each drive.");
        _meter.CreateObservableGauge("holdfast_pod_objects", () => store.Status().Objects, description: "Objects stored.");
        _meter.CreateObservableGauge("holdfast_pod_bytes", () => store.Status().Bytes, description: "Bytes of objects stored.");
        _meter.CreateObservableGauge("holdfast_pod_shards_missing", () => store.Status().Rebuild.ShardsMissing, description: "Extents that are to be rebuilt.");
        _meter.CreateObservableCounter("holdfast_pod_records_bad", () => store.Status().Scrub.RecordsBad, description: "Damaged records found, repaired ones too.");
        _meter.CreateObservableGauge("holdfast_pod_scrub_age_seconds", () => store.Status().Scrub.LastWholePass is { } last
            ? (IEnumerable<Measurement<double>>)[new Measurement<double>((time.GetUtcNow() - last).TotalSeconds)] : [], description: "Since the last whole pass over all drives.");
    }

    public void Dispose() => _meter.Dispose();
}
