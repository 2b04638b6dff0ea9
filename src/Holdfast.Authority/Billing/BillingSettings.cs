using Holdfast.Billing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>How invoices are issued.</summary>
/// <param name="Seller">Who sends them.</param>
/// <param name="NumberPrefix">Stands before each number.</param>
/// <param name="TaxLabel">What the tax is called.</param>
/// <param name="TaxBasisPoints">Its rate in hundredths of a percent, for customers that have none of their own.</param>
/// <param name="DueDays">Days to pay in.</param>
/// <param name="RemindedAfterDays">Days overdue after which a customer is reminded.</param>
/// <param name="WarnedAfterDays">Days overdue after which they are told that backups will pause.</param>
/// <param name="PausedAfterDays">Days overdue after which new backups pause. Restores never do.</param>
/// <param name="Stripe">How cards are charged; null for not at all.</param>
public sealed record BillingSettings(
    SellerDetails Seller, string NumberPrefix = "", string TaxLabel = "Tax", int TaxBasisPoints = 0, int DueDays = 14, int RemindedAfterDays = 3, int WarnedAfterDays = 14, int PausedAfterDays = 30, StripeSettings? Stripe = null)
{
    internal Dunning Dunning => new(RemindedAfterDays, WarnedAfterDays, PausedAfterDays);

    /// <summary>Why it cannot be; null if it can.</summary>
    public string? Trouble => this switch
    {
        { Seller: null or { Name: null or "" } } => "billing names a seller with a name.",
        { TaxBasisPoints: < 0 or > 10_000 } => "billing's tax_basis_points are 0 to 10000.",
        { DueDays: < 0 or > 365 } => "billing's due_days are 0 to 365.",
        { RemindedAfterDays: < 1 } => "billing's reminded_after_days is 1 or more.",
        { Stripe: { } stripe } when string.IsNullOrEmpty(stripe.SecretKeyFile) || string.IsNullOrEmpty(stripe.WebhookSecretFile) || !Uri.TryCreate(stripe.ReturnUrl, UriKind.Absolute, out _) => "billing's stripe names a secret_key_file, a webhook_secret_file and a return_url.",
        { Stripe.Url: { } url } when !Uri.TryCreate(url, UriKind.Absolute, out var api) || (api.Scheme != Uri.UriSchemeHttps && !api.IsLoopback) => "billing's stripe has an https url.",
        _ when WarnedAfterDays <= RemindedAfterDays || PausedAfterDays <= WarnedAfterDays => "billing reminds first, warns later, and pauses backups after that.",
        _ => null,
    };
}
