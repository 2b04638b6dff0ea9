using Holdfast.Format;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>How fast and how much at once a pod lets through what a grant permits. Eight bytes at the end of a grant, and four more if its computer has a limit of its own; all zeros, as older services write, limit nothing.</summary>
/// <remarks>0 account's rate u24 · 3 rate of all accounts together u24 (both in KiB a second, 0 for no limit) · 6 objects of the account at once u8 (0 for no limit) · 7 bits 0–4 its share beside others (0 is 1), bit 5 its computer has not caught up; in a grant of version 2: 8 computer's rate u24 · 11 zero.</remarks>
public readonly record struct GrantFlow
{
    public const int Length = 8;

    /// <summary>What the computer's own limit takes behind that.</summary>
    public const int ComputerLength = 4;

    public const int WeightMax = 31;

    /// <summary>The highest rate that can be written, in bytes a second: more is no limit.</summary>
    public const long RateMax = (long)KibibytesMax << 10;

    private const int KibibytesMax = 0xFFFFFF;
    private const int CatchingUpBit = 0x20;

    /// <summary>Bytes a second of the account, in its direction; 0 for no limit.</summary>
    public long AccountRate { get; init; }

    /// <summary>Bytes a second of the grant's computer, in its direction; 0 for no limit.</summary>
    public long ComputerRate { get; init; }

    /// <summary>Bytes a second of all accounts together; 0 for no limit.</summary>
    public long SharedRate { get; init; }

    /// <summary>Objects of the account in transit at once; 0 for no limit.</summary>
    public int AtOnce { get; init; }

    /// <summary>The account's share beside others; 0 is 1.</summary>
    public int Weight { get; init; }

    /// <summary>Its computer has not backed up since an outage: it goes before those that have.</summary>
    public bool IsCatchingUp { get; init; }

    internal void Write(ByteWriter writer)
    {
        WriteRate(writer, AccountRate);
        WriteRate(writer, SharedRate);
        writer.Byte((byte)Math.Clamp(AtOnce, 0, byte.MaxValue)).Byte((byte)(Math.Clamp(Weight, 0, WeightMax) | (IsCatchingUp ? CatchingUpBit : 0)));
        if (HasComputerRate)
        {
            WriteRate(writer, ComputerRate);
            writer.Byte(0);
        }
    }

    /// <summary>True if it does not fit into a grant of version 1.</summary>
    internal bool HasComputerRate => ComputerRate is > 0 and <= RateMax;

    internal static GrantFlow Read(ref SpanReader reader, bool hasComputerRate)
    {
        var bytes = reader.Bytes(Length);
        var ofComputer = hasComputerRate ? reader.Bytes(ComputerLength - 1) : [];
        reader.Zeros(hasComputerRate ? 1 : 0);
        return new GrantFlow
        {
            AccountRate = RateAt(bytes), ComputerRate = hasComputerRate ? RateAt(ofComputer) : 0, SharedRate = RateAt(bytes[3..]), AtOnce = bytes[6], Weight = bytes[7] & WeightMax, IsCatchingUp = (bytes[7] & CatchingUpBit) != 0,
        };
    }

    /// <remarks>Rounded up, so that a small limit is not none.</remarks>
    private static void WriteRate(ByteWriter writer, long rate)
    {
        var kibibytes = rate is <= 0 or > RateMax ? 0 : (int)Math.Min(KibibytesMax, (rate + 1023) >> 10);
        writer.Byte((byte)kibibytes).Byte((byte)(kibibytes >> 8)).Byte((byte)(kibibytes >> 16));
    }

    private static long RateAt(ReadOnlySpan<byte> bytes) => (long)(bytes[0] | (bytes[1] << 8) | (bytes[2] << 16)) << 10;
}
