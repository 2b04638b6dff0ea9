using System.Diagnostics.CodeAnalysis;

namespace Holdfast.Format.Objects;

/// <summary>Names an account: 16 random bytes, written as 32 lower-case hexadecimal digits.</summary>
public readonly record struct AccountId
{
    public const int Length = 16;

    private readonly UInt128 _value;

    public AccountId(ReadOnlySpan<byte> bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(bytes.Length, Length);
        _value = System.Buffers.Binary.BinaryPrimitives.ReadUInt128BigEndian(bytes);
    }

    public void Write(Span<byte> destination) =>
        System.Buffers.Binary.BinaryPrimitives.WriteUInt128BigEndian(destination, _value);

    public byte[] ToArray()
    {
        var bytes = new byte[Length];
        Write(bytes);
        return bytes;
    }

    public override string ToString() => Convert.ToHexStringLower(ToArray());

    public static bool TryParse([NotNullWhen(true)] string? text, out AccountId account)
    {
        account = default;
        Span<byte> bytes = stackalloc byte[Length];
        if (text is not { Length: Length * 2 }
            || Convert.FromHexString(text, bytes, out _, out _) != System.Buffers.OperationStatus.Done)
        {
            return false;
        }

        account = new AccountId(bytes);
        return true;
    }

    public static AccountId Parse(string text) =>
        TryParse(text, out var account) ? account : throw new FormatException($"'{text}' is not an account id (32 hexadecimal digits)");
}
