using Holdfast.Authority.Callers;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Windows;

/// <summary>The API of maintenance windows.</summary>
internal sealed class WindowEndpoints(MaintenanceWindows windows)
{
    public void Map(ApiRoutes api)
    {
        api.Get("/windows", ApiAction.ReadService, "Maintenance windows, the latest first.", (string? cursor, int? limit, CancellationToken cancellation) => windows.ListAsync(Paging.Of(cursor, limit), cancellation));
        api.Post("/windows", ApiAction.ChangeWindows, "Plans a maintenance window, after looking whether all of it can be done; or only looks, and estimates it.",
            (HttpContext context, PlanWindow asked, CancellationToken cancellation) => windows.PlanAsync(asked, By(context), cancellation));
        api.Get("/windows/history", ApiAction.ReadService, "Windows that were completed, with what was known when each was planned: what a back-test of estimates goes by.", (CancellationToken cancellation) => windows.HistoryAsync(cancellation));
        api.Get("/windows/{window}", ApiAction.ReadService, "How far a window is; `latest` is the latest.", (string window, CancellationToken cancellation) => windows.StatusAsync(window, cancellation));
        api.Get("/windows/{window}/estimate", ApiAction.ReadService, "How long a window takes by what is known now, and why; and the window played through: the same `seed` plays the same.", (string window, int? seed, CancellationToken cancellation) => windows.EstimateAsync(window, seed ?? 1, cancellation));
        api.Get("/windows/{window}/report", ApiAction.ReadService, "What was promised, what happened, and when.", (string window, CancellationToken cancellation) => windows.ReportAsync(window, cancellation));
        api.Post("/windows/{window}/announce", ApiAction.ChangeWindows, "Promises when services are back and everyone is caught up, and tells those who are affected; less than the estimate's P90 only by force.",
            (HttpContext context, string window, AnnounceWindow asked, CancellationToken cancellation) => windows.AnnounceAsync(window, asked, By(context), cancellation));
        api.Get("/windows/{window}/rehearsal", ApiAction.ReadService, "What trying a window's steps with a part came to.", (string window, CancellationToken cancellation) => windows.RehearsalAsync(window, cancellation));
        api.Post("/windows/{window}/rehearsal", ApiAction.ChangeWindows, "Tries a window's steps with a part, on scratch targets, to learn how fast they are; nobody is told, and nothing is left.",
            (string window, CancellationToken cancellation) => windows.RehearseAsync(window, cancellation));
        api.Delete("/windows/{window}/rehearsal", ApiAction.ChangeWindows, "Gives such a try up: what has not begun is left out.", (string window, CancellationToken cancellation) => windows.StopRehearsalAsync(window, cancellation));
        api.Post("/windows/{window}/promise", ApiAction.ChangeWindows, "Promises something else of a window that is announced or under way, and tells those who are affected of it.",
            (HttpContext context, string window, ChangePromise asked, CancellationToken cancellation) => windows.ChangePromiseAsync(window, asked, By(context), cancellation));
        api.Post("/windows/{window}/report", ApiAction.ChangeWindows, "Adds the operator's words to a report, and sends it to the owners of all accounts.",
            (string window, FinishReport asked, CancellationToken cancellation) => windows.FinishReportAsync(window, asked, cancellation));
        api.Post("/windows/{window}/start", ApiAction.ChangeWindows, "Begins a window now that is announced.", (HttpContext context, string window, CancellationToken cancellation) => windows.StartAsync(window, By(context), cancellation));
        api.Post("/windows/{window}/pause", ApiAction.ChangeWindows, "Begins no other step.", (HttpContext context, string window, CancellationToken cancellation) => windows.PauseAsync(window, By(context), cancellation));
        api.Post("/windows/{window}/resume", ApiAction.ChangeWindows, "Goes on with a window that is paused: with the step at which it is, or without it (`skip`).",
            (HttpContext context, string window, bool? skip, CancellationToken cancellation) => windows.ResumeAsync(window, skip == true, By(context), cancellation));
        api.Post("/windows/{window}/abort", ApiAction.ChangeWindows, "Gives a window up: what can be taken back is, and computers come back by turns.", (HttpContext context, string window, CancellationToken cancellation) => windows.AbortAsync(window, By(context), cancellation));
    }

    private static string By(HttpContext context) => CallerCheck.CallerOf(context).Name;
}
