using System.Security.Cryptography;
using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>Permission to do one thing with one object on a pod until a moment.</summary>
/// <remarks>
/// Signed by the authority, checked by the pod, never renewed: who runs out asks again, and that is where admission happens.
/// Not a lease (excludes nobody), not an epoch (orders nothing). 64 bytes (68 if its computer has a limit of its own: version 2, which pods of before do not take) and a signature of 64, base64url in
/// <c>Authorization: Grant …</c>: 0 version u8 · 1 method u8 · 2 space u8 · 3 zero · 4 computer u32 · 8 account 16 · 24 number u64 ·
/// 32 largest length u64 · 40 first byte u64 · 48 expiry i64 (seconds since 1970) · 56 how fast and how much at once 8 (<see cref="GrantFlow"/>; zeros for no limit).
/// </remarks>
public sealed record Grant
{
    public const int UnsignedLength = 64;

    /// <summary>Longest life: a moved account or a revoked computer is out after this.</summary>
    public static readonly TimeSpan LifeMax = TimeSpan.FromHours(6);

    private const string What = "grant";
    private const byte Version = 1;
    private const byte ComputerRateVersion = 2;
    private const int UnsignedLengthMax = UnsignedLength + GrantFlow.ComputerLength;

    public required GrantMethod Method { get; init; }

    public required ObjectName Name { get; init; }

    public uint Computer { get; init; }

    /// <summary>Put: the longest object in bytes.</summary>
    public long LengthMax { get; init; }

    /// <summary>Get: reading may begin here; the start of the tables for who may only see those.</summary>
    public long FirstByte { get; init; }

    /// <summary>How fast, and how much at once.</summary>
    public GrantFlow Flow { get; init; }

    public required DateTimeOffset Expires { get; init; }

    private static ReadOnlySpan<byte> Label => "holdfast grant v1\0"u8;

    public string Sign(ECDsa authorityKey)
    {
        var writer = new ByteWriter(UnsignedLengthMax + Signatures.Length)
            .Byte(Flow.HasComputerRate ? ComputerRateVersion : Version).Byte((byte)Method).Byte((byte)Name.Space).Byte(0).UInt32(Computer);
        Name.Account.Write(writer.Reserve(AccountId.Length));
        writer.UInt64(Name.Number).Int64(LengthMax).Int64(FirstByte).Int64(Expires.ToUnixTimeSeconds());
        Flow.Write(writer);
        writer.Bytes(Signatures.Sign(authorityKey, Label, writer.Written));
        return System.Buffers.Text.Base64Url.EncodeToString(writer.Written);
    }

    /// <summary>Reads a grant that one of the authority's keys signed; null if it is malformed, forged or expired.</summary>
    public static Grant? TryVerify(ReadOnlySpan<char> text, IReadOnlyList<ECDsa> authorityKeys, DateTimeOffset now)
    {
        Span<byte> bytes = stackalloc byte[UnsignedLengthMax + Signatures.Length];
        if (text.Length > 256 || System.Buffers.Text.Base64Url.DecodeFromChars(text, bytes, out _, out var written) != System.Buffers.OperationStatus.Done
            || written - Signatures.Length is not (UnsignedLength or UnsignedLengthMax))
        {
            return null;
        }

        var body = bytes[..(written - Signatures.Length)];
        foreach (var key in authorityKeys)
        {
            if (Signatures.Verify(key, Label, body, bytes[body.Length..written]))
            {
                var grant = Parse(body);
                return grant.Expires > now ? grant : null;
            }
        }

        return null;
    }

    private static Grant Parse(ReadOnlySpan<byte> bytes)
    {
        var reader = new SpanReader(bytes, What);
        var hasComputerRate = bytes.Length == UnsignedLengthMax;
        if (reader.Byte() != (hasComputerRate ? ComputerRateVersion : Version))
        {
            throw new MalformedObjectException(What, "its version is unknown");
        }

        var method = (GrantMethod)reader.Byte();
        var space = (ObjectSpace)reader.Byte();
        reader.Zeros(1);
        var computer = reader.UInt32();
        var account = new AccountId(reader.Bytes(AccountId.Length));
        return new Grant
        {
            Method = method,
            Name = new ObjectName(account, space, reader.UInt64()),
            Computer = computer,
            LengthMax = reader.Int64(),
            FirstByte = reader.Int64(),
            Expires = DateTimeOffset.FromUnixTimeSeconds(reader.Int64()),
            Flow = GrantFlow.Read(ref reader, hasComputerRate),
        };
    }
}
