namespace Holdfast.Crypto.Keys;

/// <summary>The keys of a trust group, all derived from its 32-byte secret: what a computer holds in order to back up.</summary>
/// <remarks>None of them opens a frame or a snapshot: that takes the account's private key.</remarks>
public sealed class GroupKeys
{
    public const int SecretLength = 32;

    public GroupKeys(uint group, ReadOnlySpan<byte> secret)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(secret.Length, SecretLength);
        Group = group;
        Secret = secret.ToArray();
        IdKey = DerivedKey.Of(secret, "blob id");
        IndexKey = DerivedKey.Of(secret, "index");
        ChunkerKey = DerivedKey.Of(secret, "chunker");
        PreSharedKey = DerivedKey.Of(secret, "session psk");
    }

    public uint Group { get; }

    public byte[] Secret { get; }

    /// <summary>Names blobs.</summary>
    public byte[] IdKey { get; }

    /// <summary>Seals blob tables and index segments.</summary>
    public byte[] IndexKey { get; }

    /// <summary>Places cut points.</summary>
    public byte[] ChunkerKey { get; }

    /// <summary>Makes session keys stay sealed even if P-256 falls (format rule 4).</summary>
    public byte[] PreSharedKey { get; }
}
