using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Verifying;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Restores;

/// <summary>The API of restores of managed accounts: for people who look into one and ask for archives, for operators who register restorers, and for these.</summary>
internal sealed class RestoreEndpoints(AccountDirectory accounts, Restorers restorers, PreparedRestores restores, RestoreClaims claims, Drills drills, SharedArchives shared, ProofTable proofs, Browsing browsing)
{
    public void Map(ApiRoutes api)
    {
        api.Post("/accounts/{name}/restores", ApiAction.PrepareRestore, "Asks for a ZIP of a snapshot of a managed account, or of parts of it; whoever asked is told by mail when it is ready.", async (HttpContext context, string name, PrepareRestore request, CancellationToken cancellation) =>
        {
            var restore = await restores.AskAsync(await accounts.PlaceOfAsync(name, cancellation), request, CallerCheck.CallerOf(context), cancellation);
            return TypedResults.Accepted($"/v1/accounts/{Uri.EscapeDataString(name)}/restores/{restore.Id}", restore);
        });
        api.Get("/accounts/{name}/restores", ApiAction.ReadRestores, "Archives that were asked for, the latest first.", async (HttpContext context, string name, string? cursor, int? limit, CancellationToken cancellation) =>
        {
            var place = await accounts.PlaceOfAsync(name, cancellation);
            var page = await restores.ListAsync(place, Paging.Of(cursor, limit), cancellation);
            return new PreparedRestoreList([.. page.Items.Select(restore => Shown(restore, context, place))], page.Next);
        });
        api.Get("/accounts/{name}/restores/{id}", ApiAction.ReadRestores, "How far an archive is.", async (HttpContext context, string name, string id, CancellationToken cancellation) =>
        {
            var place = await accounts.PlaceOfAsync(name, cancellation);
            return Shown(await restores.GetAsync(place, id, cancellation), context, place);
        });
        api.Delete("/accounts/{name}/restores/{id}", ApiAction.CancelRestore, "Ends an archive, or has it deleted.", async (string name, string id, CancellationToken cancellation) =>
            await restores.CancelAsync(await accounts.PlaceOfAsync(name, cancellation), id, cancellation));
        api.Post("/accounts/{name}/restores/{id}/link", ApiAction.PrepareRestore, "A link to an archive that is ready, good for a day; ranges can be asked for.", async (string name, string id, CancellationToken cancellation) =>
            await restores.LinkAsync(await accounts.PlaceOfAsync(name, cancellation), id, cancellation));
        api.Get("/accounts/{name}/proofs", ApiAction.ReadProofs, "What was proved of an account: verifications of all that is stored, and restore drills, the latest first.", async (string name, CancellationToken cancellation) =>
            await proofs.ListAsync(await accounts.PlaceOfAsync(name, cancellation), cancellation));
        api.Post("/accounts/{account}/shares", ApiAction.ShareArchive, "A place for an archive that a computer makes and encrypts, for whoever will have the link.",
            (HttpContext context, BeginShare request, CancellationToken cancellation) => shared.BeginAsync(CallerCheck.DeviceOf(context), request, cancellation));
        api.Post("/accounts/{account}/shares/{id}/end", ApiAction.ShareArchive, "Such an archive is uploaded: the link to it.",
            (HttpContext context, string id, EndShare request, CancellationToken cancellation) => shared.EndAsync(CallerCheck.DeviceOf(context), id, request, cancellation));
        MapBrowsing(api);
        MapRestorers(api);
    }

    private void MapBrowsing(ApiRoutes api)
    {
        api.Post("/accounts/{name}/browsing", ApiAction.BrowseAccount, "Opens a session of an hour in which a managed account can be looked into; it is written down.", async (HttpContext context, string name, CancellationToken cancellation) =>
            await browsing.OpenAsync(await accounts.PlaceOfAsync(name, cancellation), CallerCheck.CallerOf(context), cancellation));
        api.Get("/accounts/{name}/browsing/{session}/snapshots", ApiAction.ReadBrowsed, "The account's snapshots, the latest first.", async (HttpContext context, string name, string session, CancellationToken cancellation) =>
            await browsing.AskAsync(await accounts.PlaceOfAsync(name, cancellation), CallerCheck.CallerOf(context), session, "snapshots", MessageJson.Default.BrowsedSnapshots, cancellation));
        api.Get("/accounts/{name}/browsing/{session}/snapshots/{snapshot}/entries", ApiAction.ReadBrowsed, "What is in a directory of a snapshot, a page at a time; or, with `search`, entries below it whose names contain that.",
            async (HttpContext context, string name, string session, string snapshot, string? path, string? search, string? after, int? limit, CancellationToken cancellation) =>
            {
                var question = $"snapshots/{Uri.EscapeDataString(snapshot)}/entries?path={Uri.EscapeDataString(path ?? "/")}&limit={(limit ?? Paging.LimitMax).ToString(CultureInfo.InvariantCulture)}"
                    + (search is null ? "" : $"&search={Uri.EscapeDataString(search)}") + (after is null ? "" : $"&after={Uri.EscapeDataString(after)}");
                return await browsing.AskAsync(await accounts.PlaceOfAsync(name, cancellation), CallerCheck.CallerOf(context), session, question, MessageJson.Default.BrowsedEntries, cancellation);
            });
    }

    private void MapRestorers(ApiRoutes api)
    {
        api.Get("/restorers", ApiAction.ReadService, "Processes that hold escrow keys and prepare restores.", restorers.ListAsync);
        api.Post("/restorers", ApiAction.ChangeRestorers, "Registers a restorer and shows its token, once; one of that name gets another address and token.", (RegisterRestorer request, CancellationToken cancellation) => restorers.RegisterAsync(request, cancellation));
        api.Delete("/restorers/{restorer}", ApiAction.ChangeRestorers, "Makes a restorer's token worthless.", async (string restorer, CancellationToken cancellation) =>
        {
            await restorers.RemoveAsync(restorer, cancellation);
            return new Done();
        });
        api.Post("/restorer/claims", ApiAction.WorkAsRestorer, "A restorer says what it has and asks for work.", (HttpContext context, ClaimRestore request, CancellationToken cancellation) => claims.ClaimAsync(NameOf(context), request, cancellation));
        api.Put("/restorer/restores/{id}", ApiAction.WorkAsRestorer, "A restorer says how far an archive is.", async (HttpContext context, string id, RestoreAdvanced advanced, CancellationToken cancellation) =>
        {
            await claims.AdvanceAsync(NameOf(context), id, advanced, cancellation);
            return new Done();
        });
        api.Post("/restorer/restores/{id}/end", ApiAction.WorkAsRestorer, "A restorer says that an archive is ready, or why it cannot be made.", async (HttpContext context, string id, RestoreEnded ended, CancellationToken cancellation) =>
        {
            await claims.EndAsync(NameOf(context), id, ended, cancellation);
            return new Done();
        });
        api.Put("/restorer/drills/{drill}", ApiAction.WorkAsRestorer, "A restorer says that it still makes a restore drill of an account.", async (HttpContext context, string drill, DrillAdvanced advanced, CancellationToken cancellation) =>
        {
            await drills.RenewAsync(NameOf(context), AccountId.TryParse(drill, out var id) ? id : throw new HoldfastException(FailureTable.NotFound, "There is no such drill."), advanced.Token, cancellation);
            return new Done();
        });
        api.Post("/restorer/drills/{drill}/end", ApiAction.WorkAsRestorer, "A restorer says how a restore drill of an account went.", async (HttpContext context, string drill, DrillEnded ended, CancellationToken cancellation) =>
        {
            await drills.EndAsync(NameOf(context), AccountId.TryParse(drill, out var id) ? id : throw new HoldfastException(FailureTable.NotFound, "There is no such drill."), ended, cancellation);
            return new Done();
        });
    }

    /// <summary>Names of files are for those who may restore them.</summary>
    private static PreparedRestore Shown(PreparedRestore restore, HttpContext context, AccountPlace place)
    {
        var (caller, allowed) = (CallerCheck.CallerOf(context), Callers.Permissions.Of(ApiAction.PrepareRestore).Roles);
        return ((caller.Everywhere | caller.In(place.Organisation)) & allowed) != Roles.None ? restore : restore with { Paths = [], Failure = restore.Failure is null ? null : "It could not be made." };
    }

    private static string NameOf(HttpContext context) => CallerCheck.CallerOf(context).Restorer!;
}
