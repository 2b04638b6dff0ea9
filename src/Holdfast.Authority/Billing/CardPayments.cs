using Holdfast.Authority.Accounts;
using Holdfast.Authority.Jobs;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>Charges the cards of who owes something, and takes what the provider tells by itself. A charge's id is written down before the card is charged, so nothing is charged twice.</summary>
internal sealed class CardPayments(Customers customers, Payments payments, InvoicingTable table, ICardProvider? provider, TimeProvider time) : IJobKind
{
    public const string JobName = "cards";

    private const string Method = "card";

    /// <summary>Stands in a charge's place where the provider did not even begin one.</summary>
    private const string Refused = "refused";

    private const int AtOnce = 100;
    private const int TriesMost = 4;

    /// <summary>Then it is not the customer, but the provider that cannot be asked.</summary>
    private const int FailuresInRowMost = 5;

    private const int DaysBetweenTries = 3;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromHours(4);

    public string Name => JobName;

    private long Today => time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;

    private ICardProvider Provider => provider ?? throw new HoldfastException(FailureTable.InvalidRequest, "This service charges no cards: \"billing\" in holdfastd.json names no provider.");

    /// <summary>The address of a page where a customer enters a card.</summary>
    public async Task<Uri> SetUpAsync(AccountPlace place, CancellationToken cancellation) =>
        await Provider.SetUpAsync(place.Account, place.Name, (await customers.FindAsync(place.Account, cancellation))?.ReadDetails() ?? new CustomerDetails(), cancellation);

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var (after, failures, inRow) = (Array.Empty<byte>(), new List<string>(), 0);
        var isHeld = (await table.ReadAsync(cancellation)).IsHeld == 1;
        while (provider is not null && !isHeld && inRow < FailuresInRowMost)
        {
            var some = await customers.WithCardsAsync(after, AtOnce, cancellation);
            if (some.Count == 0)
            {
                break;
            }

            foreach (var customer in some)
            {
                try
                {
                    await ChargeAsync(provider, customer, cancellation);
                    inRow = 0;
                }
                catch (Exception exception) when (exception is HoldfastException or BillingException)
                {
                    failures.Add(exception.Message);
                    if (++inRow == FailuresInRowMost)
                    {
                        break;
                    }
                }
            }

            after = some[^1].Id;
        }

        if (failures.Count > 0)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"Cards of {failures.Count} customers could not be charged now: {failures[0]}");
        }

        return time.GetUtcNow() + _looksEvery;
    }

    /// <summary>Takes what the provider sent; the same again changes nothing.</summary>
    public async Task TakeAsync(string body, string signature, CancellationToken cancellation)
    {
        switch (await Provider.ReadAsync(body, signature, cancellation))
        {
            case CardEvent.CardEntered entered:
                await customers.KeepCardAsync(entered.Account, entered.Card, cancellation);
                break;
            case CardEvent.Paid paid:
                await EndAsync(paid.Account, new CardCharge(paid.Id, ChargeState.Succeeded, paid.Amount), cancellation);
                break;
            case CardEvent.PaidBack back:
                await TakeBackAsync(back, cancellation);
                break;
        }
    }

    /// <summary>What is paid back may be told before what was paid. The card is not charged for it again.</summary>
    private async Task TakeBackAsync(CardEvent.PaidBack back, CancellationToken cancellation)
    {
        var account = await payments.AccountOfAsync(back.Of, cancellation);
        if (account is null && back.Of.Length > 0 && await Provider.FindAsync(back.Of, cancellation) is { State: ChargeState.Succeeded, Account: { } payer } paid)
        {
            await EndAsync(payer, paid, cancellation);
            account = payer;
        }

        if (account is { } whose)
        {
            if (back.Amount.Minor > 0)
            {
                await customers.ForgetCardAsync(whose, cancellation);
            }

            await payments.AddAsync(whose, back.Id, -back.Amount, null, Method, Method, cancellation);
        }
    }

    private async Task ChargeAsync(ICardProvider cards, Customer customer, CancellationToken cancellation)
    {
        var account = new AccountId(customer.Id);
        if (customer.Charge is { } begun)
        {
            // Somebody was killed behind it, or the bank takes its time.
            await EndAsync(cards, account, begun == Refused ? new CardCharge(Refused, ChargeState.Failed, default, "the card is not accepted any more")
                : await cards.FindAsync(begun, cancellation) is { State: not ChargeState.Begun } found ? found : await cards.ConfirmAsync(begun, cancellation), cancellation);
            return;
        }

        var (last, today) = (await customers.LastInvoiceAsync(customer.Id, cancellation), Today);
        var tries = customer.ChargeInvoice == last ? customer.ChargeTries : 0;
        if (customer.Balance <= 0 || customer.Currency is null || customer.Card is null || tries >= TriesMost || (tries > 0 && Math.Abs(today - customer.ChargeDay) < DaysBetweenTries))
        {
            return;
        }

        var amount = new Money(customer.Balance, Currency.Parse(customer.Currency));
        var (id, reason) = (Refused, "");
        try
        {
            id = await cards.BeginAsync(account, customer.Card, amount, $"{account}-{last}-{tries}-{amount.Minor}-{customer.Card}", cancellation);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.InvalidRequest)
        {
            reason = exception.Message;
        }

        if (await customers.KeepChargeAsync(customer, id, last, tries + 1, today, cancellation))
        {
            await EndAsync(cards, account, id == Refused ? new CardCharge(id, ChargeState.Failed, amount, reason) : await cards.ConfirmAsync(id, cancellation), cancellation);
        }
        else if (id != Refused && (await customers.FindAsync(account, cancellation))?.Charge != id)
        {
            // Somebody else's charge is the same one; otherwise something was paid or billed meanwhile.
            await cards.GiveUpAsync(id, cancellation);
        }
    }

    /// <summary>One that failed is given up at the provider too, so that nothing makes it succeed later.</summary>
    private async Task EndAsync(ICardProvider cards, AccountId account, CardCharge charge, CancellationToken cancellation)
    {
        if (charge is { State: ChargeState.Failed, Id: not Refused })
        {
            await cards.GiveUpAsync(charge.Id, cancellation);
            var now = await cards.FindAsync(charge.Id, cancellation);
            charge = now.State == ChargeState.Failed ? charge : now;
        }

        await EndAsync(account, charge, cancellation);
    }

    private async Task EndAsync(AccountId account, CardCharge charge, CancellationToken cancellation)
    {
        switch (charge.State)
        {
            case ChargeState.Succeeded:
                await payments.AddAsync(account, charge.Id, charge.Amount, null, Method, Method, cancellation);
                await customers.EndChargeAsync(account, charge.Id, null, cancellation);
                break;
            case ChargeState.Failed:
                await customers.EndChargeAsync(account, charge.Id, charge.Reason, cancellation);
                break;
        }
    }
}
