using System.CommandLine;
using System.Globalization;
using Holdfast.Billing;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin invoice|payment|customer|outage</c>: what was billed, what was paid, by whom, and when the service was not there.</summary>
internal static class InvoiceVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        AddInvoices(admin, output);
        AddPayments(admin, output);
        AddCustomers(admin, output);
        AddOutages(admin, output);
    }

    private static void AddInvoices(Command admin, Output output)
    {
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        var some = new Argument<string?>("ACCOUNT") { Description = "The account's name; the invoices of all unless given.", Arity = ArgumentArity.ZeroOrOne };
        var number = new Argument<long>("NUMBER") { Description = "The invoice's number, without what is printed before it." };
        var last = new Option<long>("--last-number") { Description = "The last number that any invoice had.", Required = true };
        var html = new Option<string?>("--html") { Description = "A file that the page is written to." };
        var pdf = new Option<string?>("--pdf") { Description = "A file that it is written to as PDF." };
        var month = new Option<string>("--month") { Description = "Which month (2026-11).", Required = true };
        admin.Subcommands.Add(new Command("invoice", """
            Invoices: issued each month for the one before, once "billing" in holdfastd.json names who sends them. What was issued never changes, and numbers have no gap.

            Example:
              holdfast admin invoice list smith
              holdfast admin invoice show smith 17 --pdf invoice.pdf
            """)
        {
            AdminCall.Ask("list", "What an account was billed, what was paid and what is open; or the invoices of all.", [some], async (parsed, service, cancellation) =>
            {
                if (parsed.GetValue(some) is { } one)
                {
                    Show(output, await service.GetAtAsync($"/v1/accounts/{Uri.EscapeDataString(one)}/statement", MessageJson.Default.AccountStatement, cancellation));
                    return;
                }

                foreach (var invoice in await service.ListAsync("/v1/invoices", MessageJson.Default.InvoiceList, page => (page.Invoices, page.Next), cancellation))
                {
                    Show(output, invoice);
                }
            }),
            AdminCall.Ask("show", "An invoice as it was issued; or its page, or a file to print.", [account, number, html, pdf], async (parsed, service, cancellation) =>
            {
                var path = $"/v1/accounts/{AdminCall.Part(parsed, account)}/invoices/{AdminCall.Part(parsed, number)}";
                await SaveAsync(service, path + "/html", parsed.GetValue(html), cancellation);
                await SaveAsync(service, path + "/pdf", parsed.GetValue(pdf), cancellation);
                Show(output, await service.GetAtAsync(path, MessageJson.Default.InvoiceDocument, cancellation));
            }),
            AdminCall.Ask("status", "Of which month all invoices are issued, and what keeps the service from issuing the next.", [], async (_, service, cancellation) =>
                Show(output, await service.GetAtAsync("/v1/invoicing", MessageJson.Default.InvoicingState, cancellation))),
            AdminCall.Ask("issue", "Has a month's invoices issued that the service itself is not sure of, because its clock leapt or it did not run.", [month], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/invoicing", new IssueInvoices(parsed.GetRequiredValue(month)), MessageJson.Default.IssueInvoices, MessageJson.Default.InvoicingState, cancellation))),
            AdminCall.Ask("resume", "Has invoices, cards and reminders go on after the databases were restored from a copy: first enter what was paid since.", [last], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/invoicing/resumption", new ResumeInvoices(parsed.GetRequiredValue(last)), MessageJson.Default.ResumeInvoices, MessageJson.Default.InvoicingState, cancellation))),
        });
    }

    private static async Task SaveAsync(ServiceClient service, string path, string? file, CancellationToken cancellation)
    {
        if (file is null)
        {
            return;
        }

        var content = await service.GetFileAtAsync(path, cancellation);
        try
        {
            await File.WriteAllBytesAsync(file, content, cancellation);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{file} cannot be written: {exception.Message}", exception);
        }
    }

    private static void AddPayments(Command admin, Output output)
    {
        var number = new Argument<long>("NUMBER") { Description = "Of an invoice of whoever paid, without what is printed before it." };
        var amount = new Argument<string>("AMOUNT") { Description = "How much, in the invoice's currency: 12.50, or -12.50 for what was paid back (behind --)." };
        var reference = new Option<string>("--reference") { Description = "The bank's own name of the payment: recorded twice, it is paid once.", Required = true };
        var day = new Option<string?>("--on") { Description = "When it was paid (2026-12-05); today unless given." };
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        admin.Subcommands.Add(new Command("payment", """
            What customers paid by bank transfer, and the card that others pay by. The oldest open invoice of the account is paid first.

            Example:
              holdfast admin payment record 17 12.50 --reference 2026-12-05/00123
              holdfast admin payment card smith
            """)
        {
            AdminCall.Ask("card", "Shows the address of a page where a card is entered, at whoever charges cards: from then on invoices are paid by it.", [account], async (parsed, service, cancellation) =>
            {
                var page = await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/accounts/{AdminCall.Part(parsed, account)}/card", MessageJson.Default.CardPage, cancellation);
                output.Print(page.Url);
                output.Message("card_page", ("url", page.Url));
            }),
            AdminCall.Ask("record", "Says that something was paid.", [number, amount, reference, day], async (parsed, service, cancellation) =>
            {
                var invoice = await service.GetAtAsync($"/v1/invoices/{AdminCall.Part(parsed, number)}", MessageJson.Default.InvoiceDocument, cancellation);
                var paid = Money.TryParse(parsed.GetRequiredValue(amount), Currency.Parse(invoice.Currency)) ?? throw new HoldfastException(FailureTable.InvalidRequest, $"'{parsed.GetRequiredValue(amount)}' is no amount in {invoice.Currency}, such as 12 or 12.50.");
                var asked = new RecordPayment(parsed.GetRequiredValue(reference), invoice.Currency, paid.Minor, parsed.GetValue(day));
                Show(output, await service.SendOnceAsync(HttpMethod.Post, $"/v1/invoices/{AdminCall.Part(parsed, number)}/payments", asked, MessageJson.Default.RecordPayment, MessageJson.Default.AccountStatement, cancellation));
            }),
        });
    }

    private static void AddCustomers(Command admin, Output output)
    {
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        var name = new Option<string?>("--name") { Description = "Who pays." };
        var address = new Option<string[]>("--address") { Description = "A line of their address; several are several lines." };
        var email = new Option<string?>("--email") { Description = "Where invoices go; to the owners of the account's organisation, and to who sees its bills, unless set." };
        var taxNumber = new Option<string?>("--tax-number") { Description = "Their number for taxes." };
        var tax = new Option<int?>("--tax-basis-points") { Description = "Their tax in hundredths of a percent; the service's own unless set." };
        var language = new Option<string?>("--language") { Description = "Of what they are sent: en or de." };
        var due = new Option<int?>("--due-days") { Description = "Days that they have to pay; the service's own unless set." };
        admin.Subcommands.Add(new Command("customer", """
            Who pays for an account, as it stands on its invoices from the next on.

            Example:
              holdfast admin customer set smith --name "Smith Ltd" --address "1 High Street" --address "Smithtown" --email books@smith.example
            """)
        {
            AdminCall.Ask("set", "Says who pays; what is not named stays as it is.", [account, name, address, email, taxNumber, tax, due, language], async (parsed, service, cancellation) =>
            {
                var path = $"/v1/accounts/{AdminCall.Part(parsed, account)}";
                var now = (await service.GetAtAsync($"{path}/statement", MessageJson.Default.AccountStatement, cancellation)).Customer;
                var details = new CustomerDetails(parsed.GetValue(name) ?? now.Name, parsed.GetValue(address) is { Length: > 0 } lines ? string.Join('\n', lines) : now.Address, parsed.GetValue(email) ?? now.Email,
                    parsed.GetValue(taxNumber) ?? now.TaxNumber, parsed.GetValue(tax) ?? now.TaxBasisPoints, parsed.GetValue(due) ?? now.DueDays, parsed.GetValue(language) ?? now.Language);
                Show(output, await service.SendOnceAsync(HttpMethod.Put, $"{path}/customer", details, MessageJson.Default.CustomerDetails, MessageJson.Default.CustomerDetails, cancellation));
            }),
            AdminCall.Ask("show", "Shows who pays.", [account], async (parsed, service, cancellation) =>
                Show(output, (await service.GetAtAsync($"/v1/accounts/{AdminCall.Part(parsed, account)}/statement", MessageJson.Default.AccountStatement, cancellation)).Customer)),
        });
    }

    private static void AddOutages(Command admin, Output output)
    {
        var from = new Option<string>("--from") { Description = "When it began (2026-11-03T14:00Z).", Required = true };
        var until = new Option<string>("--until") { Description = "When it ended.", Required = true };
        var reason = new Option<string>("--reason") { Description = "Why, for customers.", Required = true };
        var id = new Argument<string>("ID") { Description = "Of the outage, as the list shows it." };
        admin.Subcommands.Add(new Command("outage", """
            When the service was not there. What plans promise is given back with the next invoices; also for up to three months that were billed before.

            Example:
              holdfast admin outage record --from 2026-11-03T14:00Z --until 2026-11-03T19:30Z --reason "A power cut"
            """)
        {
            AdminCall.Ask("record", "Says that the service was not there.", [from, until, reason], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/outages", new RecordOutage(TimeOf(parsed.GetRequiredValue(from)), TimeOf(parsed.GetRequiredValue(until)), parsed.GetRequiredValue(reason)), MessageJson.Default.RecordOutage, MessageJson.Default.OutageSummary, cancellation))),
            AdminCall.List("list", "Outages, the latest recorded first.", "/v1/outages", MessageJson.Default.OutageList, page => (page.Outages, page.Next), one => Show(output, one)),
            AdminCall.Act(output, "remove", "Takes back an outage that was recorded wrongly; what was given for it stays.", [id], (parsed, service, cancellation) =>
                AdminCall.SendAsync(service, HttpMethod.Delete, $"/v1/outages/{AdminCall.Part(parsed, id)}", cancellation), "It is taken back."),
        });
    }

    private static long TimeOf(string text) => DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
        ? at.ToUnixTimeSeconds() : throw new HoldfastException(FailureTable.InvalidRequest, $"'{text}' is no time such as 2026-11-03T14:00Z.");

    private static void Show(Output output, AccountStatement statement)
    {
        output.Print($"{statement.Account}: {statement.BalanceText} owed{(statement.Dunning == "none" ? "" : $", overdue for {statement.OverdueDays} days: {statement.Dunning}")}");
        foreach (var invoice in statement.Invoices)
        {
            Show(output, invoice);
        }

        foreach (var payment in statement.Payments)
        {
            output.Print($"  paid {payment.Day}  {new Money(payment.Amount, Currency.Parse(payment.Currency))}  {payment.Method}  {payment.Id}");
            output.Message("payment", ("id", payment.Id), ("day", payment.Day), ("currency", payment.Currency), ("amount", payment.Amount), ("method", payment.Method));
        }

        output.Message("statement", ("account", statement.Account), ("currency", statement.Currency), ("balance", statement.Balance), ("dunning", statement.Dunning), ("overdue_days", statement.OverdueDays));
    }

    private static void Show(Output output, InvoiceSummary invoice)
    {
        output.Print($"{invoice.Number,6}  {invoice.Printed}  {invoice.Account}  {invoice.Month}  {invoice.TotalText,14}  issued {invoice.IssuedOn}, due {invoice.DueOn}"
            + (invoice.Open is { } open ? open == 0 ? "  settled" : $"  open {new Money(open, Currency.Parse(invoice.Currency))}" : ""));
        output.Message("invoice", ("number", invoice.Number), ("printed", invoice.Printed), ("account", invoice.Account), ("month", invoice.Month), ("currency", invoice.Currency), ("total", invoice.Total), ("issued_on", invoice.IssuedOn), ("due_on", invoice.DueOn), ("open", invoice.Open));
    }

    private static void Show(Output output, InvoiceDocument invoice)
    {
        var currency = Currency.Parse(invoice.Currency);
        output.Print($"Invoice {invoice.Number} of {invoice.Seller.Name}, {invoice.IssuedOn}, for {invoice.Account}, {invoice.Month}");
        if (invoice.Customer.Name.Length > 0)
        {
            output.Print($"  to {invoice.Customer.Name}");
        }

        foreach (var line in invoice.Lines)
        {
            output.Print($"  {line.From} to {line.Until}  {line.Plan} {line.Version}  {line.Kind,-9} {(line.Kind == "base" ? "" : line.Kind == "credit" ? $"{line.Quantity} %" : $"{line.Quantity / 1000.0:0.###}"),10} {new Money(line.Amount, currency),16}");
            output.Message("line", ("kind", line.Kind), ("plan", line.Plan), ("version", line.Version), ("from", line.From), ("until", line.Until), ("quantity", line.Quantity), ("amount", line.Amount));
        }

        output.Print($"  {invoice.TaxLabel} {invoice.TaxBasisPoints / 100m:0.##} % of {new Money(invoice.Net, currency)}: {new Money(invoice.Tax, currency)}");
        output.Print($"  Total {new Money(invoice.Total, currency)}, due {invoice.DueOn}");
        output.Message("invoice", ("printed", invoice.Number), ("account", invoice.Account), ("month", invoice.Month), ("currency", invoice.Currency), ("net", invoice.Net), ("tax", invoice.Tax), ("total", invoice.Total), ("issued_on", invoice.IssuedOn), ("due_on", invoice.DueOn));
    }

    private static void Show(Output output, InvoicingState state)
    {
        output.Print($"{(state.IssuedUntil is { } until ? $"Issued until {until}" : "Nothing is issued yet")}; the last number is {state.Last}.{(state.Waiting is { } why ? "\n" + why : "")}");
        state.Left.ToList().ForEach(left => output.Print($"Not billed yet: {left}"));
        output.Message("invoicing", ("issued_until", state.IssuedUntil), ("waiting", state.Waiting), ("last", state.Last));
    }

    private static void Show(Output output, CustomerDetails customer)
    {
        output.Print($"{customer.Name}\n{customer.Address}\n{customer.Email}\n{customer.TaxNumber}\ntax {(customer.TaxBasisPoints is { } tax ? $"{tax / 100m:0.##} %" : "as for everybody")}, {(customer.DueDays is { } days ? $"{days} days to pay" : "days to pay as for everybody")}");
        output.Message("customer", ("name", customer.Name), ("address", customer.Address), ("email", customer.Email), ("tax_number", customer.TaxNumber), ("tax_basis_points", customer.TaxBasisPoints), ("due_days", customer.DueDays), ("language", customer.Language));
    }

    private static void Show(Output output, OutageSummary outage)
    {
        output.Print($"{outage.Id}  {DateTimeOffset.FromUnixTimeSeconds(outage.From):yyyy-MM-dd HH:mm} to {DateTimeOffset.FromUnixTimeSeconds(outage.Until):yyyy-MM-dd HH:mm} UTC  {outage.Reason} ({outage.RecordedBy})");
        output.Message("outage", ("id", outage.Id), ("from", outage.From), ("until", outage.Until), ("reason", outage.Reason), ("recorded_by", outage.RecordedBy));
    }
}
