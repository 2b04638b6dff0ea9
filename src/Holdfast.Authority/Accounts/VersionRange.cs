namespace Holdfast.Authority.Accounts;

/// <summary>Versions of an account's writes: those behind one, up to and with another.</summary>
internal sealed record VersionRange(long Above, long UpTo);
