using Holdfast.Pages.Calling;
using Holdfast.Pages.Parts;
using Holdfast.Protocol.Messages;

namespace Holdfast.Pages.Operating;

/// <summary>What operators look at: alerts, and the service's own work. Customers are their accounts.</summary>
internal static class OperatingPages
{
    private const int Shown = 100;

    public static void Map(PageRoutes pages)
    {
        pages.Get("/alerts", async call => new Page(typeof(AlertsPage), new()
        {
            ["Me"] = await call.MeAsync(), ["Now"] = call.Time.GetUtcNow(),
            ["Alerts"] = await call.Api.GetAsync("/v1/alerts" + Words.Query(("all", "true"), ("limit", $"{Shown}"), ("cursor", call.Query("cursor"))), MessageJson.Default.AlertList, call.Cancellation),
        }));
        pages.Get("/jobs", async call => new Page(typeof(JobsPage), new()
        {
            ["Me"] = await call.MeAsync(),
            ["Jobs"] = await call.Api.GetAsync("/v1/jobs" + Words.Query(("limit", $"{Shown}"), ("cursor", call.Query("cursor"))), MessageJson.Default.JobList, call.Cancellation),
        }));
    }
}
