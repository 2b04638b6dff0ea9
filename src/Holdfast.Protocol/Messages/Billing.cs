namespace Holdfast.Protocol.Messages;

/// <summary>A price of storage, up to an amount.</summary>
/// <param name="MicrosPerGigabyte">Millionths of a minor unit (cent) for a gigabyte and month.</param>
/// <param name="UpToGigabytes">Of 10^9 bytes; null for all that is more.</param>
public sealed record StoragePrice(long MicrosPerGigabyte, long? UpToGigabytes = null);

/// <summary>What is given back if the service was there for less of a month than promised.</summary>
/// <param name="BelowPartsPerMillion">Available for less of the month than that.</param>
/// <param name="Percent">Of what the month cost.</param>
public sealed record AvailabilityPromise(int BelowPartsPerMillion, int Percent);

/// <summary>How fast an account of a plan may send or read.</summary>
/// <param name="Class"><c>backup</c> (what goes up) or <c>restore</c> (what comes down).</param>
/// <param name="BytesPerSecond">No limit if null.</param>
/// <param name="AtOnce">Objects in transit at once; no limit if null.</param>
/// <param name="From">From this time of each day, such as <c>08:00</c>; the whole day if null.</param>
/// <param name="To">To this time of each day.</param>
/// <param name="Zone">The time zone of both, such as <c>Europe/Berlin</c>; UTC if null.</param>
public sealed record PlanLimit(string Class, long? BytesPerSecond = null, int? AtOnce = null, string? From = null, string? To = null, string? Zone = null);

/// <summary>What a month of a plan costs, and what it permits; amounts are minor units (cents).</summary>
/// <param name="Name">The plan's name.</param>
/// <param name="Currency">ISO 4217, such as EUR.</param>
/// <param name="Base">A month.</param>
/// <param name="PerComputer">Each computer and month.</param>
/// <param name="ComputersIncluded">Computers that the base pays for.</param>
/// <param name="GigabytesIncluded">Gigabytes that the base pays for.</param>
/// <param name="GigabytesIncludedPerComputer">And so many more for each computer.</param>
/// <param name="Storage">Prices of what is stored above that, the cheapest amount first; the last is for all that is more. None if storage is free.</param>
/// <param name="Promise">What is promised, the worst availability last.</param>
/// <param name="QuotaGigabytes">More is not stored, unless the operator permits an account more; null for as much as there is room.</param>
/// <param name="Limits">How fast its accounts may send and read; the operator's own limits count besides. None if null.</param>
public sealed record PlanTerms(
    string Name, string Currency, long Base = 0, long PerComputer = 0, int ComputersIncluded = 0, long GigabytesIncluded = 0, long GigabytesIncludedPerComputer = 0,
    IReadOnlyList<StoragePrice>? Storage = null, IReadOnlyList<AvailabilityPromise>? Promise = null, long? QuotaGigabytes = null,
    IReadOnlyList<PlanLimit>? Limits = null);

/// <summary>A version of a plan.</summary>
/// <param name="Version">From 1.</param>
/// <param name="CreatedAt">Unix seconds.</param>
/// <param name="Terms">What it costs.</param>
public sealed record PlanSummary(int Version, long CreatedAt, PlanTerms Terms);

/// <summary>Plans by name, each with its versions.</summary>
public sealed record PlanList(IReadOnlyList<PlanSummary> Plans, string? Next = null);

/// <summary>Gives an account a plan from a day on.</summary>
/// <param name="Plan">Its name.</param>
/// <param name="Version">Which; the newest unless given.</param>
/// <param name="From">The first day (2026-12-01, UTC), today or later; today unless given.</param>
public sealed record AssignPlan(string Plan, int? Version = null, string? From = null);

/// <summary>A plan that an account has from a day on.</summary>
public sealed record AssignedPlan(string From, string Plan, int Version);

/// <summary>An account's plans, the earliest first.</summary>
public sealed record AssignedPlanList(IReadOnlyList<AssignedPlan> Plans);

/// <summary>A line of a bill.</summary>
/// <param name="Kind">base, computers, storage or credit.</param>
/// <param name="Plan">The plan.</param>
/// <param name="Version">Its version.</param>
/// <param name="From">The first day.</param>
/// <param name="Until">The last day.</param>
/// <param name="Quantity">Thousandths of computers or gigabytes, on average over the month.</param>
/// <param name="Amount">Minor units.</param>
public sealed record BillLine(string Kind, string Plan, int Version, string From, string Until, long Quantity, long Amount);

/// <summary>What a month of an account costs, computed from what was recorded. Nothing is issued by it.</summary>
/// <param name="Account">The account's name.</param>
/// <param name="Month">2026-11.</param>
/// <param name="Currency">Of all amounts; null if the account had no plan.</param>
/// <param name="IsWhole">False while the month goes on: then it is what the days until now cost.</param>
/// <param name="Lines">What it is made of.</param>
/// <param name="Net">Their sum, minor units, without tax.</param>
/// <param name="NetText">The same as it is written.</param>
public sealed record MonthBill(string Account, string Month, string? Currency, bool IsWhole, IReadOnlyList<BillLine> Lines, long Net, string NetText);
