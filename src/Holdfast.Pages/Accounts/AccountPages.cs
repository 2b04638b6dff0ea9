using Holdfast.Pages.Calling;
using Holdfast.Pages.Parts;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.Accounts;

/// <summary>Accounts that somebody may see, and one of them: its computers, what it uses, its archives, its bills and what was proved of it.</summary>
internal static class AccountPages
{
    private const int Shown = 100;

    public static void Map(PageRoutes pages)
    {
        pages.Get("/", ListAsync);
        pages.Get("/accounts/{name}", ShowAsync);
        pages.Get("/accounts/{name}/invoices/{number}/{form}", InvoiceAsync);
    }

    private static async Task<IResult> ListAsync(PageCall call)
    {
        var me = await call.MeAsync();
        var query = Words.Query(("limit", $"{Shown}"), ("cursor", call.Query("cursor")));
        var accounts = await call.Api.GetAsync("/v1/accounts" + query, MessageJson.Default.AccountList, call.Cancellation);
        var usage = await call.Api.TryGetAsync("/v1/usage" + query, MessageJson.Default.AccountUsageList, call.Cancellation);
        return new Page(typeof(HomePage), new()
        {
            ["Me"] = me, ["Accounts"] = accounts, ["Usage"] = (usage?.Accounts ?? []).ToDictionary(one => one.Name),
            ["OpenAlerts"] = me.OperatorRole is null ? null : (await call.Api.GetAsync("/v1/alerts?limit=10", MessageJson.Default.AlertList, call.Cancellation)).Alerts.Count,
        });
    }

    private static async Task<IResult> ShowAsync(PageCall call)
    {
        var path = $"/v1/accounts/{call.Escaped("name")}";
        var me = await call.MeAsync();
        return new Page(typeof(AccountPage), new()
        {
            ["Me"] = me, ["Name"] = call.Part("name"), ["Now"] = call.Time.GetUtcNow(),
            ["Computers"] = await call.Api.TryGetAsync(path + "/computers", MessageJson.Default.ComputerList, call.Cancellation),
            ["Usage"] = await call.Api.TryGetAsync(path + "/usage", MessageJson.Default.AccountUsageHistory, call.Cancellation),
            ["Restores"] = await call.Api.TryGetAsync(path + "/restores?limit=20", MessageJson.Default.PreparedRestoreList, call.Cancellation),
            ["Proofs"] = await call.Api.TryGetAsync(path + "/proofs", MessageJson.Default.AccountProofs, call.Cancellation),
            ["Statement"] = await call.Api.TryGetAsync(path + "/statement", MessageJson.Default.AccountStatement, call.Cancellation),
        });
    }

    /// <summary>An invoice as the service prints it.</summary>
    private static async Task<IResult> InvoiceAsync(PageCall call)
    {
        var answer = await call.Api.OpenAsync(HttpMethod.Get, $"/v1/accounts/{call.Escaped("name")}/invoices/{call.Escaped("number")}/{call.Escaped("form")}", null, call.Cancellation);
        call.Context.Response.RegisterForDispose(answer);
        (call.Context.Response.Headers.ContentSecurityPolicy, call.Context.Response.Headers.XContentTypeOptions, call.Context.Response.Headers.CacheControl) = ("default-src 'none'; style-src 'unsafe-inline'", "nosniff", "no-store");
        return Results.Stream(await answer.Content.ReadAsStreamAsync(call.Cancellation), answer.Content.Headers.ContentType?.ToString());
    }
}
