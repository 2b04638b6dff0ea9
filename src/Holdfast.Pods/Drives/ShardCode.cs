namespace Holdfast.Pods.Drives;

/// <summary>Which code a set of drives uses, and how many of them must have a write before it is acknowledged.</summary>
/// <param name="Drives">Drives of the set.</param>
/// <param name="Data">Shards that are needed to read.</param>
/// <param name="Parity">Drives that may be lost.</param>
public sealed record ShardCode(int Drives, int Data, int Parity)
{
    /// <summary>17 + 3; more drives make a second pod.</summary>
    public const int DrivesMax = 20;

    private static readonly (int Data, int Parity)[] _small = [(1, 0), (1, 1), (2, 1), (2, 2), (3, 2), (4, 2), (5, 2), (5, 3)];

    /// <summary>One drive: checksums alone. Then one parity for up to three drives, two for up to seven, three from eight on.</summary>
    public static ShardCode For(int drives)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(drives, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(drives, DrivesMax);
        var (data, parity) = drives <= _small.Length ? _small[drives - 1] : (drives - 3, 3);
        return new ShardCode(drives, data, parity);
    }

    /// <summary>All but one, and never without a spare: what is acknowledged survives the loss of a drive even before it is repaired.</summary>
    public int WriteFloor => Math.Min(Drives, Math.Max(Data + 1, Drives - 1));

    /// <summary>The lowest that a declared degraded state may go without an operator's word: one spare.</summary>
    public int DegradedFloor => Math.Min(Drives, Data + 1);

    /// <summary>Drives that hold a copy of each small object.</summary>
    public int Copies => Parity + 1;

    public override string ToString() => Parity == 0 ? "one drive: checksums find damage, nothing repairs it" : $"{Data}+{Parity} over {Drives} drives: any {Parity} may be lost";
}
