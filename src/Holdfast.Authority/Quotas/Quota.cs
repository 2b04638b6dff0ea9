using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Quotas;

/// <summary>How much an account and its computers may store.</summary>
/// <param name="Bytes">Of the account; null for as much as there is room.</param>
/// <param name="OfComputers">Those that have one of their own, by number.</param>
internal sealed record Quota(long? Bytes, IReadOnlyDictionary<uint, long> OfComputers)
{
    public bool IsNone => Bytes is null && OfComputers.Count == 0;

    /// <summary>Where a computer stands: at its own quota or its account's, whichever leaves less room; null if neither is there.</summary>
    public QuotaState? StateOf(uint computer, IReadOnlyDictionary<uint, long> used)
    {
        var account = Bytes is { } bytes ? new QuotaState(bytes, used.Values.Sum(), IsOfComputer: false) : null;
        var own = OfComputers.TryGetValue(computer, out var most) ? new QuotaState(most, used.GetValueOrDefault(computer), IsOfComputer: true) : null;
        return own is not null && (account is null || own.Bytes - own.Used < account.Bytes - account.Used) ? own : account;
    }
}
