namespace Holdfast.Permissions;

/// <summary>What a run did.</summary>
/// <param name="Entries">Entries in the tree, as the last pass found them.</param>
/// <param name="Changed">How many were changed, in all passes, those before a kill included; in a dry run, how many would be.</param>
/// <param name="Missed">How many of those only a later pass found: they appeared, moved or were changed by others meanwhile.</param>
/// <param name="Last">What came of the entries of the last pass.</param>
/// <param name="Failures">What the last pass could not do, read from the journal as they are gone through; empty in a dry run.</param>
/// <param name="IsVerified">A whole pass found everything right that did not fail.</param>
/// <param name="IsHalted">The first of two steps could not be done for all entries, so the second was not begun: it can be resumed.</param>
/// <param name="Passes">How many passes over the tree there were in the last step.</param>
/// <param name="ThreadsMost">The most threads that worked at the same time.</param>
/// <param name="Worked">How long it was worked on, runs before a kill included.</param>
public sealed record PermissionReport(
    long Entries, long Changed, long Missed, EntryCounts Last, IEnumerable<EntryFailure> Failures, bool IsVerified, bool IsHalted, int Passes, int ThreadsMost, TimeSpan Worked);
