using System.CommandLine;
using System.Text.Json;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin plan list|make|give</c> and <c>holdfast admin bill</c>: what accounts cost.</summary>
internal static class BillingVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var file = new Argument<string>("FILE") { Description = "The plan's terms as JSON; - is standard input." };
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        var plan = new Argument<string>("PLAN") { Description = "The plan's name." };
        var version = new Option<int?>("--version") { Description = "Which version of the plan; the newest unless given." };
        var from = new Option<string?>("--from") { Description = "The first day (2026-12-01, UTC), today or later; today unless given." };
        var month = new Option<string?>("--month") { Description = "Which month (2026-11); this one unless given." };
        admin.Subcommands.Add(new Command("plan", """
            What accounts cost. A plan's terms never change: other terms are another version, and who has the former one keeps it.

            Amounts are minor units (cents); prices of storage are millionths of one for a gigabyte (10^9 bytes) and month. A plan of 5 EUR with one computer and 100 GB, 3 EUR for each computer more, 1 cent for each GB more, and a tenth back below 99.9 %:
              { "name": "home", "currency": "EUR", "base": 500, "per_computer": 300, "computers_included": 1, "gigabytes_included": 100,
                "storage": [ { "micros_per_gigabyte": 1000000 } ], "promise": [ { "below_parts_per_million": 999000, "percent": 10 } ] }

            It may also say how much may be stored, and how fast its accounts send and read, always or at hours of the day:
              "quota_gigabytes": 2000, "limits": [ { "class": "backup", "bytes_per_second": 5000000, "from": "08:00", "to": "18:00", "zone": "Europe/Berlin" }, { "class": "restore", "at_once": 4 } ]

            Example:
              holdfast admin plan make home.json
              holdfast admin plan give smith home --from 2026-12-01
            """)
        {
            AdminCall.List("list", "Plans, each with all its versions.", "/v1/plans", MessageJson.Default.PlanList, page => (page.Plans, page.Next), one => Show(output, one)),
            AdminCall.Ask("make", "Makes a plan, or another version of one.", [file], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/plans", await ReadAsync(parsed.GetRequiredValue(file), cancellation), MessageJson.Default.PlanTerms, MessageJson.Default.PlanSummary, cancellation))),
            AdminCall.Ask("give", "Gives an account a plan from a day on.", [account, plan, version, from], async (parsed, service, cancellation) =>
            {
                var asked = new AssignPlan(parsed.GetRequiredValue(plan), parsed.GetValue(version), parsed.GetValue(from));
                foreach (var one in (await service.SendOnceAsync(HttpMethod.Put, $"/v1/accounts/{AdminCall.Part(parsed, account)}/plan", asked, MessageJson.Default.AssignPlan, MessageJson.Default.AssignedPlanList, cancellation)).Plans)
                {
                    output.Print($"from {one.From}: {one.Plan}, version {one.Version}");
                    output.Message("assigned_plan", ("from", one.From), ("plan", one.Plan), ("version", one.Version));
                }
            }),
        });
        admin.Subcommands.Add(AdminCall.Ask("bill", "What a month of an account costs, by what was recorded until now, without tax. Nothing is issued by asking.", [account, month], async (parsed, service, cancellation) =>
        {
            var which = parsed.GetValue(month) ?? $"{TimeProvider.System.GetUtcNow():yyyy-MM}";
            Show(output, await service.GetAtAsync($"/v1/accounts/{AdminCall.Part(parsed, account)}/bills/{Uri.EscapeDataString(which)}", MessageJson.Default.MonthBill, cancellation));
        }));
    }

    private static async Task<PlanTerms> ReadAsync(string file, CancellationToken cancellation)
    {
        try
        {
            await using var stream = file == "-" ? Console.OpenStandardInput() : File.OpenRead(file);
            return await JsonSerializer.DeserializeAsync(stream, MessageJson.Default.PlanTerms, cancellation) ?? throw new JsonException("It says nothing.");
        }
        catch (Exception exception) when (exception is JsonException or IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{file} has no terms of a plan: {exception.Message} `holdfast admin plan --help` shows one.", exception);
        }
    }

    private static void Show(Output output, PlanSummary plan)
    {
        var terms = plan.Terms;
        output.Print($"{terms.Name}, version {plan.Version}: {terms.Currency}, base {terms.Base}, {terms.PerComputer} for each computer{(terms.ComputersIncluded > 0 ? $" above {terms.ComputersIncluded}" : "")}"
            + $"{(terms.Storage is { Count: > 0 } ? $", storage above {terms.GigabytesIncluded} GB{(terms.GigabytesIncludedPerComputer > 0 ? $" and {terms.GigabytesIncludedPerComputer} for each computer" : "")}: {string.Join(", ", terms.Storage.Select(price => $"{price.MicrosPerGigabyte / 1e6:0.######}{(price.UpToGigabytes is { } end ? $" up to {end} GB" : "")}"))}" : "")}"
            + string.Concat((terms.Limits ?? []).Select(limit => $"; {limit.Class} at most{(limit.BytesPerSecond is { } rate ? $" {Units.Bytes(rate)}/s" : "")}{(limit.AtOnce is { } most ? $" {most} at once" : "")}{(limit.From is null ? "" : $" {limit.From} to {limit.To} {limit.Zone ?? "UTC"}")}")));
        output.Message("plan", ("name", terms.Name), ("version", plan.Version), ("created_at", plan.CreatedAt), ("currency", terms.Currency), ("base", terms.Base), ("per_computer", terms.PerComputer), ("computers_included", terms.ComputersIncluded),
            ("gigabytes_included", terms.GigabytesIncluded), ("gigabytes_included_per_computer", terms.GigabytesIncludedPerComputer), ("quota_gigabytes", terms.QuotaGigabytes));
        foreach (var limit in terms.Limits ?? [])
        {
            output.Message("plan_limit", ("name", terms.Name), ("version", plan.Version), ("class", limit.Class), ("bytes_per_second", limit.BytesPerSecond), ("at_once", limit.AtOnce), ("from", limit.From), ("to", limit.To), ("zone", limit.Zone));
        }
    }

    private static void Show(Output output, MonthBill bill)
    {
        output.Print($"{bill.Account}, {bill.Month}{(bill.IsWhole ? "" : " until today")}: {bill.NetText}");
        foreach (var line in bill.Lines)
        {
            output.Print($"  {line.From} to {line.Until}  {line.Plan} {line.Version}  {line.Kind,-9} {(line.Kind == "base" ? "" : $"{line.Quantity / 1000.0:0.###}"),10} {line.Amount,12}");
            output.Message("line", ("kind", line.Kind), ("plan", line.Plan), ("version", line.Version), ("from", line.From), ("until", line.Until), ("quantity", line.Quantity), ("amount", line.Amount));
        }

        output.Message("bill", ("account", bill.Account), ("month", bill.Month), ("currency", bill.Currency), ("whole", bill.IsWhole), ("net", bill.Net));
    }
}
