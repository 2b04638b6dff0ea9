using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Format.Keyrings;

/// <summary>The stored keyring: its slots in plain, and the secrets sealed under the keyring key; versioned, signed by the root.</summary>
/// <remarks>header 64 (sequence = version) · u32 slots · slots × 181 · salt 32 · ciphertext and tag · signature 64.</remarks>
public sealed record KeyringObject(AccountId Account, ulong Version, IReadOnlyList<KeyringSlot> Slots, ReadOnlyMemory<byte> Salt, ReadOnlyMemory<byte> SealedBody)
{
    public const int SlotsMax = 64;

    private const string What = "keyring";

    public ReadOnlyMemory<byte> Bytes { get; private init; }

    public KeyringObject Sign(ECDsa root)
    {
        var writer = new ByteWriter();
        new ObjectHeader { Type = ObjectType.Keyring, Account = Account, Sequence = Version }.Write(writer.Reserve(ObjectHeader.Length));
        writer.UInt32((uint)Slots.Count);
        foreach (var slot in Slots)
        {
            slot.Append(writer);
        }

        writer.Bytes(Salt.Span).Bytes(SealedBody.Span);
        writer.Bytes(Signatures.Sign(root, Signatures.ObjectLabel, writer.Written));
        return this with { Bytes = writer.ToArray() };
    }

    public bool IsSignedBy(ReadOnlySpan<byte> root) =>
        Signatures.Verify(root, Signatures.ObjectLabel, Bytes.Span[..^Signatures.Length], Bytes.Span[^Signatures.Length..]);

    public static KeyringObject Parse(ReadOnlyMemory<byte> bytes)
    {
        var header = ObjectHeader.Read(bytes.Span);
        if (header.Type != ObjectType.Keyring || header.Number != 0 || header.Sequence == 0 || bytes.Length > Limits.SmallObjectLengthMax)
        {
            throw new MalformedObjectException(What, "it is not a keyring");
        }

        var reader = new SpanReader(bytes.Span[ObjectHeader.Length..], What);
        var slots = new List<KeyringSlot>(reader.Count(SlotsMax));
        for (var i = 0; i < slots.Capacity; i++)
        {
            slots.Add(KeyringSlot.Parse(reader.Bytes(KeyringSlot.Size)));
        }

        if (slots.Select(slot => slot.Number).Distinct().Count() != slots.Count)
        {
            throw new MalformedObjectException(What, "a slot stands twice");
        }

        var salt = reader.Bytes(32).ToArray();
        var sealedLength = reader.Remaining - Signatures.Length;
        if (sealedLength <= 0 || sealedLength % Limits.Alignment != 0)
        {
            throw new MalformedObjectException(What, "truncated");
        }

        return new KeyringObject(header.Account, header.Sequence, slots, salt, reader.Bytes(sealedLength).ToArray()) { Bytes = bytes.ToArray() };
    }
}
