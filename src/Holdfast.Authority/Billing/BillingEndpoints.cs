using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Billing;

/// <summary>Plans, and what accounts cost.</summary>
internal sealed class BillingEndpoints(AccountDirectory directory, PlanTable plans, MonthBills bills, AuditLog audit)
{
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
    }}
