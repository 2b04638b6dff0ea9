using System.Globalization;
using Holdfast.Billing;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>What customers are told about invoices, in their language.</summary>
internal static class InvoiceMail
{
    public static Letter Issued(InvoiceDocument invoice, long number, Money total) => total.Minor > 0
        ? Letter.Of(invoice.Customer.Language, "invoice_issued", invoice.Number, invoice.Seller.Name, invoice.Account, invoice.Month, total, invoice.DueOn, invoice.Seller.Bank, number.ToString(CultureInfo.InvariantCulture))
        : Letter.Of(invoice.Customer.Language, "credit_issued", invoice.Number, invoice.Seller.Name, invoice.Account, invoice.Month, total);

    public static Letter Overdue(Customer customer, DunningLevel level, Money balance) => Letter.Of(customer.ReadDetails().Language, level switch
    {
        DunningLevel.Reminded => "reminded",
        DunningLevel.Warned => "warned",
        _ => "paused",
    }, customer.Account, balance);

    public static Letter GoesOn(Customer customer) => Letter.Of(customer.ReadDetails().Language, "goes_on", customer.Account);

    public static Letter NotCharged(Customer customer, string reason) => Letter.Of(customer.ReadDetails().Language, "not_charged", customer.Account, reason);
}
