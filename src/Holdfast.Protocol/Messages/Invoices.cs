namespace Holdfast.Protocol.Messages;

/// <summary>Who is billed for an account, as it stands on invoices.</summary>
/// <param name="Name">Their name.</param>
/// <param name="Address">Lines of an address.</param>
/// <param name="Email">Where invoices and reminders go; the owners of the account's organisation and those who see its bills, unless given.</param>
/// <param name="TaxNumber">Their number for taxes.</param>
/// <param name="TaxBasisPoints">Hundredths of a percent; the service's own rate unless given.</param>
/// <param name="DueDays">Days to pay in; the service's own unless given.</param>
/// <param name="Language">Of what they are sent: en or de.</param>
public sealed record CustomerDetails(string Name = "", string Address = "", string Email = "", string TaxNumber = "", int? TaxBasisPoints = null, int? DueDays = null, string Language = "en");

/// <summary>Who sends invoices.</summary>
/// <param name="Name">The company.</param>
/// <param name="Address">Lines of its address.</param>
/// <param name="TaxNumber">Its number for taxes.</param>
/// <param name="Bank">Where money goes, in words for the customer.</param>
public sealed record SellerDetails(string Name, string Address = "", string TaxNumber = "", string Bank = "");

/// <summary>An invoice as it was issued; it never changes.</summary>
/// <param name="Number">As it is printed.</param>
/// <param name="Account">The account's name when it was issued.</param>
/// <param name="Month">2026-11.</param>
/// <param name="IssuedOn">A day.</param>
/// <param name="DueOn">The last day on which it is paid in time.</param>
/// <param name="Seller">Who sends it.</param>
/// <param name="Customer">Who pays.</param>
/// <param name="Currency">Of all amounts, which are minor units.</param>
/// <param name="Lines">Charges, then credits; credits may be of earlier months.</param>
/// <param name="Net">The lines' sum.</param>
/// <param name="TaxLabel">What the tax is called.</param>
/// <param name="TaxBasisPoints">Its rate in hundredths of a percent.</param>
/// <param name="Tax">The tax.</param>
/// <param name="Total">What it comes to; less than nothing if more was given back than charged.</param>
public sealed record InvoiceDocument(
    string Number, string Account, string Month, string IssuedOn, string DueOn, SellerDetails Seller, CustomerDetails Customer, string Currency, IReadOnlyList<BillLine> Lines, long Net, string TaxLabel, int TaxBasisPoints, long Tax, long Total);

/// <summary>An invoice in a list.</summary>
/// <param name="Number">Counts from 1, without gaps.</param>
/// <param name="Printed">The number as it is printed.</param>
/// <param name="Account">The account's name when it was issued.</param>
/// <param name="Month">2026-11.</param>
/// <param name="Currency">Of its amounts.</param>
/// <param name="Total">Minor units.</param>
/// <param name="TotalText">The same as it is written.</param>
/// <param name="IssuedOn">A day.</param>
/// <param name="DueOn">A day.</param>
/// <param name="Open">What is left to be paid; only where the list is of one account.</param>
public sealed record InvoiceSummary(long Number, string Printed, string Account, string Month, string Currency, long Total, string TotalText, string IssuedOn, string DueOn, long? Open = null);

/// <summary>Invoices by number.</summary>
public sealed record InvoiceList(IReadOnlyList<InvoiceSummary> Invoices, string? Next = null);

/// <summary>What an account was billed and what was paid.</summary>
/// <param name="Account">The account's name.</param>
/// <param name="Customer">Who pays.</param>
/// <param name="Currency">Of all amounts; null before the first invoice.</param>
/// <param name="Balance">What is owed; less than nothing if too much was paid.</param>
/// <param name="BalanceText">The same as it is written.</param>
/// <param name="Dunning">none, reminded, warned or paused (no new backups; restores go on).</param>
/// <param name="OverdueDays">Days on which something was overdue.</param>
/// <param name="Invoices">The latest first.</param>
/// <param name="Payments">The latest first.</param>
public sealed record AccountStatement(
    string Account, CustomerDetails Customer, string? Currency, long Balance, string BalanceText, string Dunning, long OverdueDays, IReadOnlyList<InvoiceSummary> Invoices, IReadOnlyList<Payment> Payments);

/// <summary>Something that was paid, or paid back.</summary>
/// <param name="Id">Of the bank or the payment provider: the same told twice is one payment.</param>
/// <param name="Currency">Of the amount.</param>
/// <param name="Amount">Minor units; less than nothing if it was paid back.</param>
/// <param name="Day">When.</param>
/// <param name="Method">transfer or card.</param>
public sealed record Payment(string Id, string Currency, long Amount, string Day, string Method);

/// <summary>Says that something was paid by bank transfer.</summary>
/// <param name="Id">The bank's own name of it, such as its reference: said again, it is not paid again.</param>
/// <param name="Currency">Of the amount.</param>
/// <param name="Amount">Minor units; less than nothing for what was paid back.</param>
/// <param name="Day">When (2026-12-05); today unless given.</param>
public sealed record RecordPayment(string Id, string Currency, long Amount, string? Day = null);

/// <summary>Has a month's invoices issued that the service itself is not sure of, because its clock leapt or it did not run.</summary>
/// <param name="Month">2026-11.</param>
public sealed record IssueInvoices(string Month);

/// <summary>Says that invoices, cards and reminders may go on after the databases were restored from a copy.</summary>
/// <param name="LastNumber">The last number that any invoice had: the next are behind it.</param>
public sealed record ResumeInvoices(long LastNumber);

/// <summary>How far the service is with invoices.</summary>
/// <param name="IssuedUntil">The last month of which all are issued; null before the first.</param>
/// <param name="Waiting">Why the next is not issued; null if nothing is in the way.</param>
/// <param name="Last">The last number.</param>
/// <param name="Left">Accounts that could not be billed, each with its month and why; they are tried again. The first of them.</param>
public sealed record InvoicingState(string? IssuedUntil, string? Waiting, long Last, IReadOnlyList<string> Left);

/// <summary>Says when the service was not there.</summary>
/// <param name="From">Unix seconds.</param>
/// <param name="Until">Unix seconds.</param>
/// <param name="Reason">Why, for the customer.</param>
public sealed record RecordOutage(long From, long Until, string Reason);

/// <summary>A time in which the service was not there.</summary>
/// <param name="Id">Its name.</param>
/// <param name="From">Unix seconds.</param>
/// <param name="Until">Unix seconds.</param>
/// <param name="Reason">Why.</param>
/// <param name="RecordedBy">Who said so.</param>
public sealed record OutageSummary(string Id, long From, long Until, string Reason, string RecordedBy);

/// <summary>Outages, the latest recorded first.</summary>
public sealed record OutageList(IReadOnlyList<OutageSummary> Outages, string? Next = null);

/// <summary>A page, at whoever charges cards, where a customer enters one.</summary>
/// <param name="Url">Its address; it works for a while.</param>
public sealed record CardPage(string Url);
