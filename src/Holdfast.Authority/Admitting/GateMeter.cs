using System.Diagnostics.Metrics;
using Holdfast.Admission;

namespace Holdfast.Authority.Admitting;

/// <summary>The gate as gauges, for whoever watches the service.</summary>
internal sealed class GateMeter : IDisposable
{
    private readonly Meter _meter = new("Holdfast.Authority.Gate");

    /// <param name="read">What the node knows now; null before it has looked.</param>
    public GateMeter(Func<GateView?> read)
    {
        void Gauge(string name, string description, Func<GateView, double> of) =>
            _meter.CreateObservableGauge(name, () => read() is { } view ? [new Measurement<double>(of(view))] : Array.Empty<Measurement<double>>(), description: description);
        Gauge("holdfast_gate_mode", "0 open, 1 closed, 2 everybody in turn, 3 held.", view => (int)view.Mode);
        Gauge("holdfast_backups_under_way", "Backups under way.", view => view.InFlight);
        Gauge("holdfast_backups_under_way_max", "Backups that may be under way at once.", view => view.InFlightMax);
        Gauge("holdfast_gate_computers", "Computers that may come back in the bring-up.", view => view.BringUp?.Population ?? 0);
        Gauge("holdfast_gate_admitted", "Of them, let in.", view => view.BringUp is null ? 0 : view.Admitted);
    }

    public void Dispose() => _meter.Dispose();
}
