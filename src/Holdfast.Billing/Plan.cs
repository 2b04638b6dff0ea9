namespace Holdfast.Billing;

/// <summary>A price of storage, up to an amount; the next tier's holds for what is more (graduated).</summary>
/// <param name="UpToGigabytes">Of 10^9 bytes; null for all that is more.</param>
/// <param name="MicrosPerGigabyte">Millionths of a minor unit for a gigabyte and month.</param>
public sealed record StorageTier(long? UpToGigabytes, long MicrosPerGigabyte);

/// <summary>What customers get back if the service was there for less of a month than promised.</summary>
/// <param name="BelowPartsPerMillion">Available for less of the month than that.</param>
/// <param name="Percent">Of what the month cost.</param>
public sealed record PromiseStep(int BelowPartsPerMillion, int Percent);

/// <summary>What a month costs. A plan never changes: one with another price is another version, and who has the former one keeps it.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Version">From 1.</param>
/// <param name="Currency">What it is paid in.</param>
public sealed record Plan(string Name, int Version, Currency Currency)
{
    public const long Gigabyte = 1_000_000_000;

    /// <summary>No price and no amount is more: a month of anything that can be stored then fits into <see cref="Money"/>.</summary>
    public const long NumberMax = 1_000_000_000_000;

    /// <summary>Minor units a month.</summary>
    public long Base { get; init; }

    /// <summary>Minor units for each computer and month.</summary>
    public long PerComputer { get; init; }

    /// <summary>Computers that the base pays for.</summary>
    public int ComputersIncluded { get; init; }

    /// <summary>Gigabytes that the base pays for, and so many more for each computer.</summary>
    public long GigabytesIncluded { get; init; }

    public long GigabytesIncludedPerComputer { get; init; }

    /// <summary>Prices of storage above what is included; none if storage is free.</summary>
    public IReadOnlyList<StorageTier> Tiers { get; init; } = [];

    /// <summary>What is promised, the worst availability last; none if nothing is.</summary>
    public IReadOnlyList<PromiseStep> Promise { get; init; } = [];

    /// <summary>True if nothing that is used costs anything.</summary>
    public bool IsFree => Base == 0 && PerComputer == 0 && Tiers.All(tier => tier.MicrosPerGigabyte == 0);

    /// <summary>Fails if it contradicts itself.</summary>
    /// <exception cref="BillingException">malformed plan.</exception>
    public Plan Check()
    {
        var trouble = this switch
        {
            { Name.Length: 0 or > 100 } => "it has no name, or one of more than 100 characters",
            { Version: < 1 } => "versions count from 1",
            { Base: < 0 } or { PerComputer: < 0 } or { ComputersIncluded: < 0 } or { GigabytesIncluded: < 0 } or { GigabytesIncludedPerComputer: < 0 } => "a price or an amount is negative",
            { Base: > NumberMax } or { PerComputer: > NumberMax } or { GigabytesIncluded: > NumberMax } or { GigabytesIncludedPerComputer: > NumberMax } => $"no price or amount is more than {NumberMax}",
            _ when Tiers.Any(tier => tier.MicrosPerGigabyte > NumberMax || tier.UpToGigabytes > NumberMax) => $"no price or amount is more than {NumberMax}",
            _ when Tiers.Any(tier => tier.MicrosPerGigabyte < 0 || tier.UpToGigabytes <= 0) => "a tier's price or end is negative",
            _ when Tiers.Take(Math.Max(0, Tiers.Count - 1)).Any(tier => tier.UpToGigabytes is null) || Tiers is [.., { UpToGigabytes: not null }] => "the last tier is for all that is more, and only that one",
            _ when Tiers.Zip(Tiers.Skip(1)).Any(pair => pair.Second.UpToGigabytes <= pair.First.UpToGigabytes) => "each tier ends higher than the one before",
            _ when Promise.Any(step => step.BelowPartsPerMillion is < 1 or > 1_000_000 || step.Percent is < 1 or > 100) => "a promise is of 1 to 1,000,000 parts per million, and 1 to 100 percent are given back",
            _ when Promise.Zip(Promise.Skip(1)).Any(pair => pair.Second.BelowPartsPerMillion >= pair.First.BelowPartsPerMillion || pair.Second.Percent <= pair.First.Percent) => "each step of a promise is of less availability, and gives more back",
            _ => null,
        };
        return trouble is null ? this : throw new BillingException(BillingError.MalformedPlan, $"The plan '{Name}' cannot be: {trouble}.");
    }
}
