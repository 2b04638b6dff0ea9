using Holdfast.Format.Objects;

namespace Holdfast.Format.Keyrings;

/// <summary>What opens a slot.</summary>
public enum SlotKind : byte
{
    Passphrase = 1,

    /// <summary>A printed key of 160 bits and a checksum; too long to guess, so no Argon2.</summary>
    RecoveryKey = 2,

    /// <summary>The operator's key of a managed account.</summary>
    Escrow = 3,
}

/// <summary>One way to the keyring key: the cost of deriving its secret, a commitment to compare first, and the key sealed to the slot's public key.</summary>
/// <remarks>0 number u32 · 4 kind u8 · 5 zeros 3 · 8 Argon2 memory KiB u32 · 12 passes u32 · 16 lanes u32 · 20 salt 16 · 36 commitment 32 · 68 enc 65 · 133 sealed key 48. 181 bytes.</remarks>
public sealed record KeyringSlot(
    uint Number, SlotKind Kind, int MemoryKibibytes, int Passes, int Lanes, ReadOnlyMemory<byte> Salt, ReadOnlyMemory<byte> Commitment,
    ReadOnlyMemory<byte> Encapsulated, ReadOnlyMemory<byte> SealedKey)
{
    public const int Size = 181;

    /// <summary>The part that is bound into the seal as associated data.</summary>
    public const int ParametersLength = 36;
    public const int SaltLength = 16;

    private const string What = "keyring slot";

    public byte[] EncodeParameters()
    {
        var writer = new ByteWriter(ParametersLength);
        writer.UInt32(Number).Byte((byte)Kind).Zeros(3).UInt32((uint)MemoryKibibytes).UInt32((uint)Passes).UInt32((uint)Lanes).Bytes(Salt.Span);
        return writer.ToArray();
    }

    internal void Append(ByteWriter writer) =>
        writer.Bytes(EncodeParameters()).Bytes(Commitment.Span).Bytes(Encapsulated.Span).Bytes(SealedKey.Span);

    /// <summary>Reads a slot; costs outside 64 MiB–1 GiB, 1–10 passes and one lane are refused before anything is derived.</summary>
    internal static KeyringSlot Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes, What);
        var number = reader.UInt32();
        var kind = (SlotKind)reader.Byte();
        reader.Zeros(3);
        var (memory, passes, lanes) = (reader.UInt32(), reader.UInt32(), reader.UInt32());
        var legal = kind switch
        {
            SlotKind.Passphrase => memory is >= 64 * 1024 and <= 1024 * 1024 && passes is >= 1 and <= 10 && lanes == 1,
            SlotKind.RecoveryKey or SlotKind.Escrow => memory == 0 && passes == 0 && lanes == 0,
            _ => false,
        };
        if (!legal)
        {
            throw new MalformedObjectException(What, $"kind {(byte)kind} with {memory} KiB, {passes} passes and {lanes} lanes is not accepted");
        }

        return new KeyringSlot(number, kind, (int)memory, (int)passes, (int)lanes, reader.Bytes(SaltLength).ToArray(), reader.Bytes(32).ToArray(),
            reader.Bytes(65).ToArray(), reader.Bytes(48).ToArray());
    }
}
