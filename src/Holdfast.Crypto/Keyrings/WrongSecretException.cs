namespace Holdfast.Crypto.Keyrings;

/// <summary>No slot opens with the passphrase or recovery key given.</summary>
public sealed class WrongSecretException() : Exception("No key slot opens with this passphrase or recovery key.");
