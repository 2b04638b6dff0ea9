using System.Collections.Concurrent;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;

namespace Holdfast.Format.Objects;

/// <summary>ECDSA P-256 with SHA-256 over label ‖ message; 64-byte signatures (r ‖ s), public keys as 65 uncompressed bytes.</summary>
/// <remarks>Verifying lives here so that pods and authority can do it without knowing how to seal or open anything.</remarks>
public static class Signatures
{
    public const int Length = 64;
    public const int PublicKeyLength = 65;

    private const int RecentMax = 4;

    /// <summary>Copies of keys that several threads sign with at once.</summary>
    private static readonly ConditionalWeakTable<ECDsa, ConcurrentQueue<ECDsa>> _copies = [];

    /// <summary>A key is for one thread at a time.</summary>
    [ThreadStatic]
    private static (byte[] Bytes, ECDsa Key)?[]? _recent;

    [ThreadStatic]
    private static int _oldest;

    /// <summary>Labels keep a signature made for one purpose from being worth anything for another.</summary>
    public static ReadOnlySpan<byte> PackLabel => "holdfast pack v1\0"u8;

    public static ReadOnlySpan<byte> ObjectLabel => "holdfast object v1\0"u8;

    public static ReadOnlySpan<byte> HeadLabel => "holdfast head v1\0"u8;

    public static ReadOnlySpan<byte> StatementLabel => "holdfast statement v1\0"u8;

    public static byte[] Sign(ECDsa key, ReadOnlySpan<byte> label, ReadOnlySpan<byte> message)
    {
        // The platform does not promise that one key may sign on two threads at once, and whoever waited for the other might wait for a thread that was put behind.
        if (Monitor.TryEnter(key))
        {
            try
            {
                return SignAlone(key, label, message);
            }
            finally
            {
                Monitor.Exit(key);
            }
        }

        var copies = _copies.GetOrCreateValue(key);
        var copy = copies.TryDequeue(out var free) ? free : CopyOf(key);
        try
        {
            return SignAlone(copy, label, message);
        }
        finally
        {
            copies.Enqueue(copy);
        }
    }

    private static byte[] SignAlone(ECDsa key, ReadOnlySpan<byte> label, ReadOnlySpan<byte> message) =>
        key.SignData(Concatenate(label, message), HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    private static ECDsa CopyOf(ECDsa key)
    {
        ECParameters parameters;
        lock (key)
        {
            parameters = key.ExportParameters(includePrivateParameters: true);
        }

        try
        {
            return ECDsa.Create(parameters);
        }
        finally
        {
            CryptographicOperations.ZeroMemory(parameters.D);
        }
    }

    public static bool Verify(ReadOnlySpan<byte> publicKey, ReadOnlySpan<byte> label, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature)
    {
        var key = Recent(publicKey);
        return key is not null && Verify(key, label, message, signature);
    }

    public static bool Verify(ECDsa key, ReadOnlySpan<byte> label, ReadOnlySpan<byte> message, ReadOnlySpan<byte> signature) =>
        signature.Length == Length
        && key.VerifyData(Concatenate(label, message), signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);

    /// <summary>The public key, or null if the bytes are no point of P-256.</summary>
    public static ECDsa? TryImport(ReadOnlySpan<byte> publicKey)
    {
        if (publicKey.Length != PublicKeyLength || publicKey[0] != 4)
        {
            return null;
        }

        try
        {
            return ECDsa.Create(new ECParameters
            {
                Curve = ECCurve.NamedCurves.nistP256,
                Q = new ECPoint { X = publicKey[1..33].ToArray(), Y = publicKey[33..].ToArray() },
            });
        }
        catch (CryptographicException)
        {
            return null;
        }
    }

    /// <summary>A key's public half as 65 bytes: 04 ‖ x ‖ y.</summary>
    public static byte[] ExportPublic(ECAlgorithm key)
    {
        var point = key.ExportParameters(false).Q;
        return [4, .. point.X!, .. point.Y!];
    }

    /// <summary>Making a key of its bytes takes twice as long as verifying with it, and what is verified comes in runs: a log's statements, a commit's receipts.</summary>
    private static ECDsa? Recent(ReadOnlySpan<byte> publicKey)
    {
        _recent ??= new (byte[], ECDsa)?[RecentMax];
        foreach (var known in _recent)
        {
            if (known is var (bytes, imported) && publicKey.SequenceEqual(bytes))
            {
                return imported;
            }
        }

        if (TryImport(publicKey) is not { } key)
        {
            return null;
        }

        _oldest = (_oldest + 1) % RecentMax;
        _recent[_oldest]?.Key.Dispose();
        _recent[_oldest] = (publicKey.ToArray(), key);
        return key;
    }

    private static byte[] Concatenate(ReadOnlySpan<byte> first, ReadOnlySpan<byte> second)
    {
        var joined = new byte[first.Length + second.Length];
        first.CopyTo(joined);
        second.CopyTo(joined.AsSpan(first.Length));
        return joined;
    }
}
