using System.Collections.Concurrent;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Throttling;

/// <summary>Limits that accounts have by their plans, for as long as they have these; every node knows of a change within seconds. Thread-safe.</summary>
internal sealed class PlanLimits(AccountPlans plans, TimeProvider time)
{
    private const int PiecesMax = 20;
    private const int RememberedMax = 10_000;

    private static readonly TimeSpan _knownFor = TimeSpan.FromSeconds(20);

    /// <summary>What is permitted by them is asked for again by then.</summary>
    private static readonly TimeSpan _lookedAtAgain = TimeSpan.FromDays(1);

    private readonly ConcurrentDictionary<AccountId, Known> _known = new();

    /// <summary>Fails with invalid_request if a plan cannot have these.</summary>
    public static void Check(IReadOnlyList<PlanLimit>? limits)
    {
        if (limits?.Count > PiecesMax || limits?.Contains(null!) == true)
        {
            throw LimitTerms.Invalid($"A plan has no more than {PiecesMax} limits, and none is null.");
        }

        foreach (var limit in limits ?? [])
        {
            LimitTerms.Check(limit.Class, limit.BytesPerSecond, limit.AtOnce, limit.From, limit.To, limit.Zone);
            RuleOf(limit, "", "", default, isStrict: true);
        }
    }

    public async ValueTask<IReadOnlyList<ThrottleRule>> OfAsync(AccountId account, CancellationToken cancellation)
    {
        if (_known.TryGetValue(account, out var known) && time.GetElapsedTime(known.At) <= _knownFor)
        {
            return known.Rules;
        }

        var at = time.GetTimestamp();
        IReadOnlyList<ThrottleRule> rules;
        try
        {
            rules = await plans.TryFindAsync(account, cancellation) is { Limits: { Count: > 0 } limits } terms
                ? [.. limits.Select(limit => RuleOf(limit, account.ToString(), terms.Name, time.GetUtcNow() + _lookedAtAgain, isStrict: false))] : [];
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable)
        {
            // While the directory is away, what was known goes on to count; restores do not wait for it.
            rules = known?.Rules ?? [];
        }

        if (_known.Count > RememberedMax)
        {
            _known.Clear();
        }

        _known[account] = new Known(rules, at);
        return rules;
    }

    private static ThrottleRule RuleOf(PlanLimit limit, string account, string plan, DateTimeOffset ends, bool isStrict)
    {
        var (from, to) = (LimitTerms.TimeOf(limit.From), LimitTerms.TimeOf(limit.To));
        return new ThrottleRule
        {
            Account = account, Class = LimitTerms.ClassOf(limit.Class), BytesPerSecond = limit.BytesPerSecond, AtOnce = limit.AtOnce, From = from, To = to, Zone = LimitTerms.ZoneOf(limit.Zone, isStrict),
            Starts = DateTimeOffset.UnixEpoch, Ends = ends, Reason = $"by the account's plan, {plan}", IsLasting = from == to,
        };
    }

    private sealed record Known(IReadOnlyList<ThrottleRule> Rules, long At);
}
