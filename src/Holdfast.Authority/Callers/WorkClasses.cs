using Holdfast.Admission;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority.Callers;

/// <summary>What requests are for, as far as it decides who goes first.</summary>
internal static class WorkClasses
{
    /// <summary>Before anybody has looked who is calling: nobody gets the restores' places, or an account's share, by asking.</summary>
    public static Work Before(HttpContext context) => new(Of(context).Class == WorkClass.Backup ? WorkClass.Backup : WorkClass.Interactive, "");

    /// <summary>Once it is known who is calling.</summary>
    public static Work Of(HttpContext context) => new(
        ApiEndpoint.Of(context)?.Action switch
        {
            ApiAction.OpenReads or ApiAction.OpenReading or ApiAction.OpenEscrow => WorkClass.Restore,
            ApiAction.BeginBackup or ApiAction.BackUp => WorkClass.Backup,
            _ => WorkClass.Interactive,
        },
        context.GetRouteValue("account") as string ?? "");
}
