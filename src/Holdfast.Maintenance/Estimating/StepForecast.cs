namespace Holdfast.Maintenance.Estimating;

/// <summary>What is known of a step beforehand.</summary>
/// <param name="Name">How the plan names it.</param>
/// <param name="Volume">How much there will be; null if nothing was ever counted.</param>
/// <param name="PerSecond">The rate that is as likely too high as too low; null if neither a run nor a probe says anything.</param>
/// <param name="Runs">Earlier runs that it goes by.</param>
/// <param name="Probes">Probes that it goes by.</param>
/// <param name="Interval">How long it takes; null if that is not known.</param>
/// <param name="Changed">How likely it is, 0 to 1, that things are not as they were at the last runs, as far as probes say; null if nothing does.</param>
public sealed record StepForecast(string Name, VolumeForecast? Volume, double? PerSecond, int Runs, int Probes, Interval? Interval, double? Changed = null);
