namespace Holdfast.Restorer;

/// <summary>What a restorer needs to know.</summary>
/// <param name="ServiceUrl">The authority's address.</param>
/// <param name="Token">Its token there.</param>
/// <param name="Folder">Where archives are kept, sealed, and what was seen of accounts.</param>
/// <param name="Keys">The escrow keys.</param>
/// <param name="AtOnce">Archives that are prepared at once.</param>
public sealed record RestorerSettings(string ServiceUrl, string Token, string Folder, IReadOnlyList<EscrowKeyFile> Keys, int AtOnce = 2);

/// <summary>A file with an escrow key, and what opens it.</summary>
public sealed record EscrowKeyFile(string Path, string Passphrase);
