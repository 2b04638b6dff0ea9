using System.Net;
using Holdfast.Billing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Stripe;
using Stripe.Checkout;

namespace Holdfast.Authority.Billing;

/// <summary>How cards are charged by Stripe.</summary>
/// <param name="SecretKeyFile">The file with the secret key.</param>
/// <param name="WebhookSecretFile">The file with the secret that signs what Stripe sends; several lines while it is being changed.</param>
/// <param name="ReturnUrl">Where a customer goes who has entered a card.</param>
/// <param name="Url">Its API; Stripe's own unless set.</param>
public sealed record StripeSettings(string SecretKeyFile, string WebhookSecretFile, string ReturnUrl, string? Url = null);

/// <summary>Cards charged by Stripe: a payment intent each, made unconfirmed and then confirmed.</summary>
internal sealed class StripeCards : ICardProvider
{
    private const string AccountKey = "holdfast_account";
    private const int Retries = 2;
    private const int ToleranceSeconds = 300;

    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    private readonly StripeSettings _settings;
    private readonly TimeProvider _time;
    private readonly HttpClient _http = new(new BrokenConnections(new SocketsHttpHandler())) { Timeout = _patience };

    public StripeCards(StripeSettings settings, TimeProvider time) => (_settings, _time) = (settings, time);

    public void Dispose() => _http.Dispose();

    public async Task<Uri> SetUpAsync(AccountId account, string name, CustomerDetails details, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        var metadata = new Dictionary<string, string> { [AccountKey] = account.ToString() };
        return await AskAsync(async () =>
        {
            var customer = await new CustomerService(client).CreateAsync(
                new CustomerCreateOptions { Name = details.Name.Length > 0 ? details.Name : name, Email = details.Email.Length > 0 ? details.Email : null, Metadata = metadata }, cancellationToken: cancellation);
            var session = await new SessionService(client).CreateAsync(new SessionCreateOptions
            {
                Mode = "setup", Customer = customer.Id, SuccessUrl = _settings.ReturnUrl, CancelUrl = _settings.ReturnUrl, AllowedPaymentMethodTypes = ["card"], SetupIntentData = new SessionSetupIntentDataOptions { Metadata = metadata },
            }, cancellationToken: cancellation);
            return new Uri(session.Url);
        });
    }

    public async Task<string> BeginAsync(AccountId account, string card, Money amount, string key, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        var (customer, method) = card.Split(' ') is [var c, var m] ? (c, m) : throw new InvalidOperationException("a card that is none of Stripe's");
        var options = new PaymentIntentCreateOptions
        {
            Amount = AtStripe(amount), Currency = amount.Currency.Code.ToLowerInvariant(), Customer = customer, PaymentMethod = method, AllowedPaymentMethodTypes = ["card"], Metadata = new Dictionary<string, string> { [AccountKey] = account.ToString() },
        };
        try
        {
            return (await AskAsync(() => new PaymentIntentService(client).CreateAsync(options, new RequestOptions { IdempotencyKey = key }, cancellation))).Id;
        }
        catch (StripeException exception)
        {
            // What Stripe says to developers is nothing to mail to a customer.
            throw new HoldfastException(FailureTable.InvalidRequest, exception.StripeError?.Type == "card_error" ? exception.Message : "the card is not accepted any more", exception);
        }
    }

    public async Task<CardCharge> ConfirmAsync(string id, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        try
        {
            return ChargeOf(await AskAsync(() => new PaymentIntentService(client).ConfirmAsync(id, new PaymentIntentConfirmOptions { OffSession = true }, cancellationToken: cancellation)));
        }
        catch (StripeException)
        {
            // Declined, or confirmed before by somebody who was killed: it says itself.
            return await FindAsync(id, cancellation);
        }
    }

    public async Task<CardCharge> FindAsync(string id, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        try
        {
            return ChargeOf(await AskAsync(() => new PaymentIntentService(client).GetAsync(id, cancellationToken: cancellation)));
        }
        catch (StripeException)
        {
            // Of another account at Stripe, perhaps: nothing was paid here.
            return new CardCharge(id, ChargeState.Failed, default, "the charge is not known any more");
        }
    }

    public async Task GiveUpAsync(string id, CancellationToken cancellation)
    {
        var client = await ClientAsync(cancellation);
        try
        {
            await AskAsync(() => new PaymentIntentService(client).CancelAsync(id, cancellationToken: cancellation));
        }
        catch (StripeException)
        {
            // It has ended.
        }
    }

    public async Task<CardEvent> ReadAsync(string body, string signature, CancellationToken cancellation)
    {
        Event? read = null;
        foreach (var secret in (await System.IO.File.ReadAllLinesAsync(_settings.WebhookSecretFile, cancellation)).Select(line => line.Trim()).Where(line => line.Length > 0))
        {
            try
            {
                read ??= EventUtility.ConstructEvent(body, signature, secret, ToleranceSeconds, _time.GetUtcNow().ToUnixTimeSeconds(), throwOnApiVersionMismatch: false);
            }
            catch (Exception exception) when (exception is StripeException or Newtonsoft.Json.JsonException or ArgumentException or FormatException or NullReferenceException)
            {
                // Signed by another of the secrets, or by nobody.
            }
        }

        return read?.Data?.Object switch
        {
            SetupIntent { Status: "succeeded" } entered when read.Type == EventTypes.SetupIntentSucceeded && AccountOf(entered.Metadata) is { } account => new CardEvent.CardEntered(account, $"{entered.CustomerId} {entered.PaymentMethodId}"),
            PaymentIntent { Status: "succeeded" } paid when read.Type == EventTypes.PaymentIntentSucceeded && AccountOf(paid.Metadata) is { } account => new CardEvent.Paid(account, paid.Id, Here(paid.AmountReceived, paid.Currency)),
            Refund { Status: "succeeded" } refund when read.Type is EventTypes.RefundCreated or EventTypes.RefundUpdated => new CardEvent.PaidBack(refund.PaymentIntentId ?? "", refund.Id, Here(refund.Amount, refund.Currency)),
            Dispute dispute when read.Type == EventTypes.ChargeDisputeFundsWithdrawn => new CardEvent.PaidBack(dispute.PaymentIntentId ?? "", dispute.Id, Here(dispute.Amount, dispute.Currency)),
            Dispute won when read.Type == EventTypes.ChargeDisputeFundsReinstated => new CardEvent.PaidBack(won.PaymentIntentId ?? "", won.Id + " won", -Here(won.Amount, won.Currency)),
            null => throw new HoldfastException(FailureTable.InvalidRequest, "This is not signed by Stripe, is too old, or cannot be understood."),
            _ => new CardEvent.Other(),
        };
    }

    private static AccountId? AccountOf(Dictionary<string, string>? metadata) => AccountId.TryParse(metadata?.GetValueOrDefault(AccountKey), out var account) ? account : null;

    private static CardCharge ChargeOf(PaymentIntent intent) => new(intent.Id, intent.Status switch
    {
        "succeeded" => ChargeState.Succeeded,
        "processing" => ChargeState.Pending,
        "requires_confirmation" => ChargeState.Begun,
        _ => ChargeState.Failed,
    }, Here(intent.Status == "succeeded" ? intent.AmountReceived : intent.Amount, intent.Currency), intent.LastPaymentError?.Message ?? "the bank wants you to confirm it", AccountOf(intent.Metadata));

    /// <summary>Stripe counts ISK in hundredths, and of three digits behind the point takes two.</summary>
    private static long AtStripe(Money amount) => amount.Currency.Code == "ISK" ? checked(amount.Minor * 100) : amount.Currency.Digits == 3 ? amount.Minor / 10 * 10 : amount.Minor;

    private static Money Here(long amount, string currency)
    {
        try
        {
            var known = Currency.Parse(currency.ToUpperInvariant());
            return new Money(known.Code == "ISK" ? amount / 100 : amount, known);
        }
        catch (BillingException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    /// <summary>What is not Stripe's answer about one charge (a key that it does not know, too many questions, its own trouble) is that Stripe cannot be asked now.</summary>
    private static async Task<T> AskAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (StripeException exception) when (exception.HttpStatusCode is not (HttpStatusCode.BadRequest or HttpStatusCode.PaymentRequired or HttpStatusCode.NotFound) || exception.StripeError?.Type == "idempotency_error")
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"Stripe cannot be asked now: it answered {(int)exception.HttpStatusCode}, {exception.StripeError?.Type}.", exception);
        }
        catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException { InnerException: TimeoutException })
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"Stripe does not answer: {exception.Message}", exception);
        }
    }

    private async Task<StripeClient> ClientAsync(CancellationToken cancellation) =>
        new((await System.IO.File.ReadAllTextAsync(_settings.SecretKeyFile, cancellation)).Trim(), httpClient: new SystemNetHttpClient(_http, Retries, null, enableTelemetry: false), apiBase: _settings.Url);
}
