using System.Security.Cryptography;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.SelfBackups;

/// <summary>Seals copies of the service's own databases. Whoever restores one needs it: it is to be kept where the service is not.</summary>
public sealed class SelfBackupKey
{
    private const string Prefix = "holdfast-self-backup-";
    private const int Length = 32;
    private const int CheckLength = 4;

    private readonly byte[] _bytes;

    private SelfBackupKey(byte[] bytes) => _bytes = bytes;

    internal ReadOnlySpan<byte> Bytes => _bytes;

    public static SelfBackupKey Draw() => new(RandomNumberGenerator.GetBytes(Length));

    /// <summary>Reads what <see cref="ToString"/> wrote; a mistyped key is the failure invalid_request.</summary>
    public static SelfBackupKey Parse(string text)
    {
        text = text.Trim();
        var bytes = new byte[Length + CheckLength];
        return text.StartsWith(Prefix, StringComparison.Ordinal) && text.Length == Prefix.Length + (2 * bytes.Length)
            && Convert.FromHexString(text.AsSpan(Prefix.Length), bytes, out _, out _) == System.Buffers.OperationStatus.Done
            && SHA256.HashData(bytes.AsSpan(0, Length)).AsSpan(0, CheckLength).SequenceEqual(bytes.AsSpan(Length))
                ? new SelfBackupKey(bytes[..Length])
                : throw new HoldfastException(FailureTable.InvalidRequest, $"That is no key of a self-backup: it begins with {Prefix}, and `holdfastd backup-self key` shows it.");
    }

    /// <summary>A line of text, with a check against typing errors.</summary>
    public override string ToString() => $"{Prefix}{Convert.ToHexStringLower(_bytes)}{Convert.ToHexStringLower(SHA256.HashData(_bytes).AsSpan(0, CheckLength))}";
}
