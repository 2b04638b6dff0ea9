namespace Holdfast.Permissions;

/// <summary>Where a run is. Read at any time, by any thread.</summary>
/// <param name="Step">Which step, from 1, of <paramref name="Steps"/>.</param>
/// <param name="Steps">How many steps there are.</param>
/// <param name="Pass">Which pass of the step, from 1: the first changes, the others look whether anything was missed.</param>
/// <param name="Share">How much of this pass is done, from 0 to 1, taking every directory of a directory for as large as every other.</param>
/// <param name="Threads">How many threads work.</param>
/// <param name="Counts">What came of the entries of this pass.</param>
/// <param name="Left">How long this pass still takes, at the rate so far; null before that can be told.</param>
public sealed record PermissionProgress(int Step, int Steps, int Pass, double Share, int Threads, EntryCounts Counts, TimeSpan? Left);
