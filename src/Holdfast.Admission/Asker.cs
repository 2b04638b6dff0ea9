namespace Holdfast.Admission;

/// <summary>A computer that asks to back up, as the service knows it: nothing here is the computer's own word.</summary>
/// <param name="Id">Which one; spread evenly over all numbers, such as a hash under a key of the service's.</param>
/// <param name="LastBackup">When its newest snapshot was received; nothing if it has none.</param>
/// <param name="Alone">How long its backlog takes it on its own line with nobody beside it, as far as that is known.</param>
public readonly record struct Asker(ulong Id, DateTimeOffset? LastBackup, TimeSpan Alone);
