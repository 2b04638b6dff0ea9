using Holdfast.Authority.Moving;

namespace Holdfast.Simulation.Tests;

/// <summary>What an account is in one store, by its fence row.</summary>
internal enum SideState
{
    /// <summary>There is nothing of it.</summary>
    Absent,

    /// <summary>Home: written to, under its epoch.</summary>
    Open,

    /// <summary>It was home and takes no writes, until it is known who is.</summary>
    Frozen,

    /// <summary>Rows come in, of one attempt and one mover.</summary>
    Incoming,

    /// <summary>All rows are there, and none comes any more.</summary>
    Sealed,

    /// <summary>It was home: another store is.</summary>
    Left,
}

/// <summary>The fence row of an account in one store.</summary>
/// <param name="State">What it is.</param>
/// <param name="Epoch">Never falls.</param>
/// <param name="Version">The version of the last write.</param>
/// <param name="Numbers">The next numbers that are given out.</param>
/// <param name="Attempt">The last attempt that rows came in of. Stays when the account is gone from here, like the epoch: what is still on its way from an older one finds no place.</param>
/// <param name="Mover">While rows come in: whose.</param>
internal sealed record Side(SideState State, long Epoch, long Version, GivenNumbers Numbers, long Attempt, string? Mover)
{
    public static Side Absent { get; } = new(SideState.Absent, 0, 0, new GivenNumbers(0, 0, 0, 0), 0, null);
}
