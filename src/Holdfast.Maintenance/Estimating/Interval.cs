namespace Holdfast.Maintenance.Estimating;

/// <summary>How long something takes.</summary>
/// <param name="Half">As likely longer as shorter (P50).</param>
/// <param name="NineTenths">Longer once in ten times (P90).</param>
public readonly record struct Interval(TimeSpan Half, TimeSpan NineTenths);
