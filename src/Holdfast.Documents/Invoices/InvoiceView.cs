using System.Globalization;
using Holdfast.Billing;
using Holdfast.Documents.Texts;
using Holdfast.Protocol.Messages;

namespace Holdfast.Documents.Invoices;

/// <summary>An invoice as it is read: every amount and day as text, in the customer's language.</summary>
public sealed class InvoiceView
{
    private readonly InvoiceDocument _invoice;
    private readonly Currency _currency;

    public InvoiceView(InvoiceDocument invoice)
    {
        (_invoice, _currency, Words) = (invoice, Currency.Parse(invoice.Currency), Wording.Of(invoice.Customer.Language));
        Lines = [.. invoice.Lines.Select(LineOf)];
    }

    public Wording Words { get; }

    public string Title => Words[_invoice.Total < 0 ? "credit_note" : "invoice", _invoice.Number];

    public string Subtitle => Words["invoice_for", _invoice.Account, _invoice.Month];

    public SellerDetails Seller => _invoice.Seller;

    public IReadOnlyList<string> SellerLines => LinesOf(_invoice.Seller.Name, _invoice.Seller.Address, _invoice.Seller.TaxNumber);

    public IReadOnlyList<string> CustomerLines => LinesOf(_invoice.Customer.Name.Length > 0 ? _invoice.Customer.Name : _invoice.Account, _invoice.Customer.Address, _invoice.Customer.TaxNumber);

    public string IssuedOn => _invoice.IssuedOn;

    public string DueOn => _invoice.DueOn;

    public IReadOnlyList<(string What, string Days, string Quantity, string Amount)> Lines { get; }

    public IReadOnlyList<(string Name, string Amount)> Sums =>
        [(Words["net"], Text(_invoice.Net)), (Words["tax", _invoice.TaxLabel, (_invoice.TaxBasisPoints / 100m).ToString("0.##", CultureInfo.InvariantCulture)], Text(_invoice.Tax)), (Words["total"], Text(_invoice.Total))];

    /// <summary>How it is paid.</summary>
    public string Payment => _invoice.Total > 0 ? _invoice.Seller.Bank : Words["nothing_due"];

    private (string, string, string, string) LineOf(BillLine line) => (
        Words[$"line_{line.Kind}", line.Plan], $"{line.From} – {line.Until}",
        Words[$"quantity_{line.Kind}", line.Kind == "credit" ? line.Quantity : (line.Quantity / 1000m).ToString("0.###", CultureInfo.InvariantCulture)], Text(line.Amount));

    private string Text(long minor) => new Money(minor, _currency).ToString();

    private IReadOnlyList<string> LinesOf(string name, string address, string taxNumber) =>
        [name, .. address.Split('\n', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), .. taxNumber.Length > 0 ? [$"{Words["tax_number"]} {taxNumber}"] : Array.Empty<string>()];
}
