using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>What became of a charge.</summary>
internal enum ChargeState
{
    /// <summary>Nothing was tried yet.</summary>
    Begun,

    /// <summary>It may still succeed.</summary>
    Pending,

    Succeeded,

    /// <summary>The card was declined, or it was given up: nothing was paid.</summary>
    Failed,
}

/// <summary>A charge of a card.</summary>
/// <param name="Id">The provider's name of it.</param>
/// <param name="State">What became of it.</param>
/// <param name="Amount">How much.</param>
/// <param name="Reason">Why it failed, for the customer.</param>
/// <param name="Account">Whose; null if that is not known.</param>
internal sealed record CardCharge(string Id, ChargeState State, Money Amount, string Reason = "", AccountId? Account = null);

/// <summary>What a provider tells by itself.</summary>
internal abstract record CardEvent
{
    /// <summary>A customer entered a card.</summary>
    internal sealed record CardEntered(AccountId Account, string Card) : CardEvent;

    /// <summary>Something was paid.</summary>
    internal sealed record Paid(AccountId Account, string Id, Money Amount) : CardEvent;

    /// <summary>Something was paid back: by the operator, or by the customer's bank.</summary>
    internal sealed record PaidBack(string Of, string Id, Money Amount) : CardEvent;

    /// <summary>Nothing that matters here.</summary>
    internal sealed record Other : CardEvent;
}

/// <summary>Somebody who charges cards. A charge is begun, then confirmed: between both its id is written down, so that whoever was killed finds out what became of it and charges nothing twice.</summary>
internal interface ICardProvider : IDisposable
{
    /// <summary>The address of a page at the provider's where a customer enters a card.</summary>
    Task<Uri> SetUpAsync(AccountId account, string name, CustomerDetails details, CancellationToken cancellation);

    /// <summary>Begins a charge that pays nothing before it is confirmed; the same key gives the same charge.</summary>
    /// <returns>Its id.</returns>
    /// <exception cref="Protocol.Failures.HoldfastException">invalid_request: the provider does not know the card any more, or takes no such amount; service_unavailable.</exception>
    Task<string> BeginAsync(AccountId account, string card, Money amount, string key, CancellationToken cancellation);

    /// <summary>Charges the card.</summary>
    Task<CardCharge> ConfirmAsync(string id, CancellationToken cancellation);

    /// <summary>What became of a charge.</summary>
    Task<CardCharge> FindAsync(string id, CancellationToken cancellation);

    /// <summary>Gives a charge up that was begun; one that has ended stays as it is.</summary>
    Task GiveUpAsync(string id, CancellationToken cancellation);

    /// <summary>Reads what the provider sent.</summary>
    /// <exception cref="Protocol.Failures.HoldfastException">invalid_request: it is not from the provider, is too old, or cannot be understood.</exception>
    Task<CardEvent> ReadAsync(string body, string signature, CancellationToken cancellation);
}
