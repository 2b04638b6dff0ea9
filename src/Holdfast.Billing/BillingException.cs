namespace Holdfast.Billing;

/// <summary>What went wrong with a bill.</summary>
public enum BillingError
{
    /// <summary>Two currencies in one sum.</summary>
    MixedCurrencies,

    /// <summary>A currency that is not known.</summary>
    UnknownCurrency,

    /// <summary>Less than nothing was used, or more than can be counted.</summary>
    ImpossibleUsage,

    /// <summary>A plan that contradicts itself.</summary>
    MalformedPlan,
}

/// <summary>Something cannot be billed. The message says what to do, and no bill was changed.</summary>
public sealed class BillingException(BillingError error, string message) : Exception(message)
{
    public BillingError Error { get; } = error;
}
