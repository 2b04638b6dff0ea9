using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Measuring;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Quotas;

/// <summary>The API of quotas, and of what an account uses.</summary>
internal sealed class QuotaEndpoints(AccountDirectory accounts, DeviceTable devices, AccountUsages usages, QuotaTable quotas, QuotaCheck check, AuditLog audit, TimeProvider time)
{
    public void Map(ApiRoutes api)
    {
        api.Get("/accounts/{name}/usage", ApiAction.ReadUsage, "What an account uses now and used before, of how much it may, and when that is used up.", async (string name, CancellationToken cancellation) =>
        {
            var place = await accounts.PlaceOfAsync(name, cancellation);
            return await usages.HistoryAsync(place, await quotas.FindAsync(place, cancellation), cancellation);
        });
        api.Get("/accounts/{name}/usage/derived", ApiAction.ReadUsage, "What an account used on the days from `from` to `to` (2026-12-05; at most 400, the last 31 unless given), derived again from the records of its snapshots, beside what was kept and is billed.",
            async (string name, string? from, string? to, CancellationToken cancellation) =>
            {
                var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
                var last = Math.Min(to is null ? today : CalendarDay.Parse(to), today);
                var first = from is null ? last - 30 : CalendarDay.Parse(from);
                return last - first is < 0 or >= 400
                    ? throw new HoldfastException(FailureTable.InvalidRequest, $"From {Month.DateOf(first):yyyy-MM-dd} to {Month.DateOf(last):yyyy-MM-dd} are not 1 to 400 days; choose `from` and `to` so.")
                    : new DerivedUsage(name, await usages.DeriveAsync(await accounts.PlaceOfAsync(name, cancellation), first, last, cancellation));
            });
        api.Put("/accounts/{name}/quota", ApiAction.ChangeQuota, "Says how much an account may store. What is stored stays, and is restored as always.",
            (HttpContext context, string name, ChangeQuota asked, CancellationToken cancellation) => ChangeAsync(context, name, null, asked, cancellation));
        api.Put("/accounts/{name}/computers/{computer}/quota", ApiAction.ChangeQuota, "Says how much one computer of an account may store.",
            (HttpContext context, string name, uint computer, ChangeQuota asked, CancellationToken cancellation) => ChangeAsync(context, name, computer, asked, cancellation));
    }

    private async Task<Done> ChangeAsync(HttpContext context, string name, uint? computer, ChangeQuota asked, CancellationToken cancellation)
    {
        var place = await accounts.PlaceOfAsync(name, cancellation);
        if (computer is { } number)
        {
            await devices.RequireAsync(place, number, cancellation);
        }

        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"set quota{(computer is null ? "" : $" of computer {computer}")} to {(asked.IsUnlimited ? "unlimited" : asked.Bytes is { } bytes ? $"{bytes} bytes" : "none of its own")}", name, cancellation);
        await quotas.ChangeAsync(place, computer, asked, cancellation);
        check.Forget(place.Account);
        return new Done();
    }
}
