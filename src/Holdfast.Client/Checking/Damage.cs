namespace Holdfast.Client.Checking;

/// <summary>Something that is not as it should be: in which snapshot, where, and what.</summary>
public sealed record Damage(string Where, string What);
