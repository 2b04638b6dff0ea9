using Holdfast.Format.Objects;

namespace Holdfast.Format.Keyrings;

/// <summary>An account key pair: session keys are sealed to the public half; old pairs stay for old snapshots.</summary>
public sealed record AccountKeyPair(byte[] PublicKey, byte[] PrivateKey);

/// <summary>The secrets of an account: root signing key, account key pairs (newest last) and group secrets. CBOR array [root, [[public, private]…], [[group, secret]…]].</summary>
public sealed record KeyringBody(byte[] RootPrivateKey, IReadOnlyList<AccountKeyPair> AccountKeys, IReadOnlyDictionary<uint, byte[]> GroupSecrets)
{
    private const string What = "keyring body";

    public byte[] Encode()
    {
        var writer = Cbor.Writer();
        writer.WriteStartArray(3);
        writer.WriteByteString(RootPrivateKey);
        writer.WriteStartArray(AccountKeys.Count);
        foreach (var pair in AccountKeys)
        {
            writer.WriteStartArray(2);
            writer.WriteByteString(pair.PublicKey);
            writer.WriteByteString(pair.PrivateKey);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteStartArray(GroupSecrets.Count);
        foreach (var (group, secret) in GroupSecrets.OrderBy(pair => pair.Key))
        {
            writer.WriteStartArray(2);
            writer.WriteUInt32(group);
            writer.WriteByteString(secret);
            writer.WriteEndArray();
        }

        writer.WriteEndArray();
        writer.WriteEndArray();
        return writer.Encode();
    }

    public static KeyringBody Decode(ReadOnlyMemory<byte> bytes) => Cbor.Read(bytes, What, reader =>
    {
        Cbor.Count(reader.ReadStartArray(), 3, What);
        var root = Cbor.Fixed(reader, 32, What);
        var pairs = new AccountKeyPair[Cbor.Count(reader.ReadStartArray(), 1024, What)];
        for (var i = 0; i < pairs.Length; i++)
        {
            Cbor.Count(reader.ReadStartArray(), 2, What);
            pairs[i] = new AccountKeyPair(Cbor.Fixed(reader, Signatures.PublicKeyLength, What), Cbor.Fixed(reader, 32, What));
            reader.ReadEndArray();
        }

        reader.ReadEndArray();
        var groups = new Dictionary<uint, byte[]>();
        var count = Cbor.Count(reader.ReadStartArray(), 4096, What);
        for (var i = 0; i < count; i++)
        {
            Cbor.Count(reader.ReadStartArray(), 2, What);
            groups[reader.ReadUInt32()] = Cbor.Fixed(reader, 32, What);
            reader.ReadEndArray();
        }

        reader.ReadEndArray();
        reader.ReadEndArray();
        return pairs.Length > 0 ? new KeyringBody(root, pairs, groups) : throw new MalformedObjectException(What, "no account key");
    });
}
