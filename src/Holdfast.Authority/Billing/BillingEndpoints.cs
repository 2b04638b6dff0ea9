using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Jobs;
using Holdfast.Billing;
using Holdfast.Documents;
using Holdfast.Documents.Invoices;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Billing;

/// <summary>Plans, what accounts cost, what was billed and what was paid.</summary>
internal sealed class BillingEndpoints(AccountDirectory directory, PlanTable plans, MonthBills bills, Customers customers, Invoices invoices, InvoiceRun run, InvoicingTable table, JobTable jobs, Payments payments, CardPayments cards, Outages outages, AuditLog audit)
{
    private const int EventBytesMax = 1 << 18;

    public void Map(ApiRoutes api)
    {
        api.Get("/plans", ApiAction.ReadService, "Plans by name, each with all its versions: also those that were made for one customer.", async (string? cursor, int? limit, CancellationToken cancellation) =>
        {
            var page = await plans.ListAsync(Paging.Of(cursor, limit), cancellation);
            return new PlanList(page.Items, page.Next);
        });
        api.Post("/plans", ApiAction.ChangePlans, "Makes a plan, or another version of one; who has a former version keeps it.", async (HttpContext context, PlanTerms terms, CancellationToken cancellation) =>
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "make plan", Names.Checked(terms.Name), cancellation);
            return await plans.AddAsync(terms, cancellation);
        });
        api.Put("/accounts/{name}/plan", ApiAction.AssignPlan, "Gives an account a plan, from today or a later day on.", async (HttpContext context, string name, AssignPlan asked, CancellationToken cancellation) =>
        {
            var place = await directory.PlaceOfAsync(name, cancellation);
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"give plan {Names.Checked(asked.Plan)}", name, cancellation);
            return await plans.AssignAsync(place, asked, cancellation);
        });
        api.Get("/accounts/{name}/bills/{month}", ApiAction.ReadBills, "What a month costs, by what was recorded until now. Nothing is issued by asking.", async (string name, string month, CancellationToken cancellation) =>
            await bills.ComputeAsync(await directory.PlaceOfAsync(name, cancellation), month, cancellation));
        MapInvoices(api);
        MapCards(api);
        MapOutages(api);
    }

    private void MapInvoices(ApiRoutes api)
    {
        api.Put("/accounts/{name}/customer", ApiAction.ChangeCustomer, "Says who pays for an account; what was issued stays as it is.", async (HttpContext context, string name, CustomerDetails details, CancellationToken cancellation) =>
        {
            var place = await directory.PlaceOfAsync(name, cancellation);
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "change customer", name, cancellation);
            await customers.ChangeAsync(place, details, cancellation);
            return details;
        });
        api.Get("/accounts/{name}/statement", ApiAction.ReadBills, "What an account was billed, what was paid, and what is open.", async (string name, CancellationToken cancellation) =>
            await invoices.StatementAsync((await directory.PlaceOfAsync(name, cancellation)).Account, name, cancellation));
        api.Get("/accounts/{name}/invoices/{number}", ApiAction.ReadBills, "An invoice as it was issued.", async (string name, long number, CancellationToken cancellation) =>
            (await invoices.FindAsync((await directory.PlaceOfAsync(name, cancellation)).Account, number, cancellation)).Document);
        api.Get("/accounts/{name}/invoices/{number}/{form}", ApiAction.ReadBills, "An invoice as a page (html) or as a file to print (pdf).", async (HttpContext context, string name, long number, string form, CancellationToken cancellation) =>
            await RenderAsync(context, (await invoices.FindAsync((await directory.PlaceOfAsync(name, cancellation)).Account, number, cancellation)).Document, form));
        api.Get("/invoices", ApiAction.ReadService, "All invoices, by number; also those of accounts that are deleted.", async (string? cursor, int? limit, CancellationToken cancellation) =>
        {
            var page = await invoices.ListAsync(Paging.Of(cursor, limit), cancellation);
            return new InvoiceList(page.Items, page.Next);
        });
        api.Get("/invoices/{number}", ApiAction.ReadService, "An invoice as it was issued, of any account.", async (long number, CancellationToken cancellation) => (await invoices.FindAsync(null, number, cancellation)).Document);
        api.Get("/invoicing", ApiAction.ReadService, "How far the service is with invoices, and what keeps it from issuing the next.", (CancellationToken cancellation) => run.StateAsync(cancellation));
        api.Post("/invoicing", ApiAction.IssueInvoices, "Has a month's invoices issued that the service itself is not sure of.", async (HttpContext context, IssueInvoices asked, CancellationToken cancellation) =>
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "issue invoices", Names.Checked(asked.Month), cancellation);
            await run.ConfirmAsync(asked.Month, cancellation);
            await jobs.HurryAsync(InvoiceRun.JobName, "", cancellation);
            return await run.StateAsync(cancellation);
        });
        api.Post("/invoicing/resumption", ApiAction.IssueInvoices, "Has invoices, cards and reminders go on after the databases were restored from a copy.", async (HttpContext context, ResumeInvoices asked, CancellationToken cancellation) =>
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"resume invoices behind {asked.LastNumber}", "", cancellation);
            await table.ResumeAsync(asked.LastNumber, cancellation);
            return await run.StateAsync(cancellation);
        });
        api.Post("/invoices/{number}/payments", ApiAction.RecordPayment, "Says that something was paid by bank transfer; the oldest open invoice of that account is paid first.", async (HttpContext context, long number, RecordPayment asked, CancellationToken cancellation) =>
        {
            var by = CallerCheck.CallerOf(context).Name;
            var day = asked.Day is null ? (long?)null : CalendarDay.Parse(asked.Day);
            var (account, document) = await invoices.FindAsync(null, number, cancellation);
            await audit.AppendAsync(by, $"record payment {Names.Checked(asked.Id)}", document.Number, cancellation);
            await payments.AddAsync(account, asked.Id, new Money(asked.Amount, CurrencyOf(asked.Currency)), day, Payments.Transfer, by, cancellation);
            return await invoices.StatementAsync(account, document.Account, cancellation);
        });
    }

    private static async Task<IResult> RenderAsync(HttpContext context, InvoiceDocument invoice, string form)
    {
        // It has nothing but text in it; should a browser ever see more, it runs none of that.
        (context.Response.Headers.ContentSecurityPolicy, context.Response.Headers.XContentTypeOptions, context.Response.Headers.CacheControl) = ("default-src 'none'; style-src 'unsafe-inline'", "nosniff", "no-store");
        return form switch
        {
            "html" => TypedResults.Text(await PageRenderer.RenderAsync(invoice), "text/html; charset=utf-8"),
            "pdf" => TypedResults.Bytes(InvoicePdf.Render(invoice), "application/pdf", $"{new string([.. invoice.Number.Where(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-')])}.pdf"),
            _ => throw new HoldfastException(FailureTable.InvalidRequest, $"An invoice is html or pdf, not '{form}'."),
        };
    }

    private void MapCards(ApiRoutes api)
    {
        api.Post("/accounts/{name}/card", ApiAction.SetUpCard, "The address of a page, at whoever charges cards, where a customer enters one; from then on invoices are paid by it.", async (string name, CancellationToken cancellation) =>
            new CardPage((await cards.SetUpAsync(await directory.PlaceOfAsync(name, cancellation), cancellation)).ToString()));
        api.Post("/payment-events/stripe", ApiAction.TakePaymentEvents, "What Stripe tells by itself; its signature is checked, and the same again changes nothing.", async (HttpContext context, CancellationToken cancellation) =>
        {
            await cards.TakeAsync(await BodyAsync(context.Request, cancellation), context.Request.Headers["Stripe-Signature"].ToString(), cancellation);
            return new Done();
        });
    }

    private static async Task<string> BodyAsync(HttpRequest request, CancellationToken cancellation)
    {
        var (bytes, length) = (new byte[EventBytesMax + 1], 0);
        for (var read = 1; read > 0 && length <= EventBytesMax; length += read)
        {
            read = await request.Body.ReadAsync(bytes.AsMemory(length), cancellation);
        }

        return length <= EventBytesMax ? System.Text.Encoding.UTF8.GetString(bytes, 0, length) : throw new HoldfastException(FailureTable.InvalidRequest, "This is longer than anything that a payment provider sends.");
    }

    private void MapOutages(ApiRoutes api)
    {
        api.Get("/outages", ApiAction.ReadService, "When the service was not there, the latest recorded first.", async (string? cursor, int? limit, CancellationToken cancellation) =>
        {
            var page = await outages.ListAsync(Paging.Of(cursor, limit), cancellation);
            return new OutageList(page.Items, page.Next);
        });
        api.Post("/outages", ApiAction.RecordOutage, "Says when the service was not there: what plans promise is given back with the next invoices.", async (HttpContext context, RecordOutage asked, CancellationToken cancellation) =>
        {
            var by = CallerCheck.CallerOf(context).Name;
            await audit.AppendAsync(by, "record outage", $"{asked.From} to {asked.Until}", cancellation);
            return await outages.AddAsync(asked, by, cancellation);
        });
        api.Delete("/outages/{id}", ApiAction.RecordOutage, "Takes back an outage that was recorded wrongly; what was given for it stays.", async (HttpContext context, string id, CancellationToken cancellation) =>
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "remove outage", Names.Checked(id), cancellation);
            await outages.RemoveAsync(id, cancellation);
            return new Done();
        });
    }

    private static Currency CurrencyOf(string code)
    {
        try
        {
            return Currency.Parse(code);
        }
        catch (BillingException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
        }
    }
}
