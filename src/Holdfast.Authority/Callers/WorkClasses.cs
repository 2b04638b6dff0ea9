using Holdfast.Admission;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority.Callers;

/// <summary>What requests are for, as far as it decides who goes first.</summary>
internal static class WorkClasses
{
    public static Work Of(HttpContext context) => new(
        ApiEndpoint.Of(context)?.Action switch
        {
            ApiAction.OpenReads or ApiAction.OpenReading or ApiAction.OpenEscrow => WorkClass.Restore,
            ApiAction.BeginBackup or ApiAction.BackUp => WorkClass.Backup,
            _ => WorkClass.Interactive,
        },
        context.GetRouteValue("account") as string ?? "");
}
