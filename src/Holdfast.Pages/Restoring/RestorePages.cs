using Holdfast.Pages.Calling;
using Holdfast.Pages.Parts;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.Restoring;

/// <summary>Looking into snapshots of a managed account, choosing from several of their directories, and having an archive made of that.</summary>
internal static class RestorePages
{
    private const int Shown = 200;

    public static void Map(PageRoutes pages)
    {
        pages.Get("/accounts/{name}/browse", async call => new Page(typeof(OpenPage), new() { ["Me"] = await call.MeAsync(), ["Name"] = call.Part("name") }));
        pages.Post("/accounts/{name}/browse", async call =>
        {
            var opened = await call.Api.SendAsync(HttpMethod.Post, $"/v1/accounts/{call.Escaped("name")}/browsing", MessageJson.Default.BrowsingOpened, call.Cancellation);
            return Results.Redirect($"/accounts/{call.Escaped("name")}/browse/{opened.Session}");
        });
        pages.Get("/accounts/{name}/browse/{session}", BrowseAsync);

        // What is chosen goes along with every step: too much for an address.
        pages.Post("/accounts/{name}/browse/{session}", BrowseAsync);
        pages.Post("/accounts/{name}/restores", async call =>
        {
            var asked = new PrepareRestore(call.Field("snapshot") ?? "", [.. call.Form!["pick"].OfType<string>().Distinct()]);
            await call.Api.PostAsync($"/v1/accounts/{call.Escaped("name")}/restores", asked, MessageJson.Default.PrepareRestore, MessageJson.Default.PreparedRestore, call.Cancellation);
            return Results.Redirect($"/accounts/{call.Escaped("name")}#restores");
        });
        pages.Post("/accounts/{name}/restores/{id}/cancel", async call =>
        {
            await call.Api.SendAsync(HttpMethod.Delete, $"/v1/accounts/{call.Escaped("name")}/restores/{call.Escaped("id")}", MessageJson.Default.PreparedRestore, call.Cancellation);
            return Results.Redirect($"/accounts/{call.Escaped("name")}#restores");
        });
        pages.Get("/accounts/{name}/restores/{id}/download", async call =>
            Results.Redirect((await call.Api.SendAsync(HttpMethod.Post, $"/v1/accounts/{call.Escaped("name")}/restores/{call.Escaped("id")}/link", MessageJson.Default.RestoreLink, call.Cancellation)).Url));
    }

    private static async Task<IResult> BrowseAsync(PageCall call)
    {
        var path = $"/v1/accounts/{call.Escaped("name")}/browsing/{call.Escaped("session")}/snapshots";
        var snapshots = (await call.Api.GetAsync(path, MessageJson.Default.BrowsedSnapshots, call.Cancellation)).Snapshots;
        var snapshot = snapshots.FirstOrDefault(one => one.Id == call.Field("snapshot")) ?? (snapshots.Count > 0 ? snapshots[0] : null);

        // A directory that is clicked is looked into, whatever was searched for before.
        var (directory, search) = call.Field("path") is { } clicked ? (clicked, null) : (call.Field("at") ?? "/", call.Field("search"));
        var entries = snapshot is null ? null : await call.Api.GetAsync(
            $"{path}/{snapshot.Id}/entries{Words.Query(("path", directory), ("search", search), ("after", call.Field("after")), ("limit", $"{Shown}"))}", MessageJson.Default.BrowsedEntries, call.Cancellation);
        return new Page(typeof(BrowsePage), new()
        {
            ["Me"] = await call.MeAsync(), ["Name"] = call.Part("name"), ["Session"] = call.Part("session"), ["Snapshots"] = snapshots, ["Snapshot"] = snapshot, ["Directory"] = directory, ["Search"] = search,
            ["Entries"] = entries, ["Picked"] = call.Form?["pick"].OfType<string>().Distinct().ToList() ?? [],
        });
    }
}
