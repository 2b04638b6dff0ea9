namespace Holdfast.Authority.Alerting;

/// <summary>Looks for one kind of thing that the operator should know of.</summary>
internal interface IAlertSource
{
    /// <summary>The kind, which stays.</summary>
    string Kind { get; }

    /// <summary>How long something must be so before anybody is told: what passes by itself is nobody's business.</summary>
    TimeSpan Patience { get; }

    /// <summary>All that is wrong now. If it cannot be found out, that is an exception, and what was known stays as it is.</summary>
    Task<IReadOnlyList<Finding>> LookAsync(CancellationToken cancellation);
}

/// <summary>Something that is wrong.</summary>
/// <param name="Subject">With what; one alert of a kind and subject is open at a time.</param>
/// <param name="IsCritical">Data or the service is at risk.</param>
/// <param name="Message">What it is, and what to do.</param>
internal sealed record Finding(string Subject, bool IsCritical, string Message);
