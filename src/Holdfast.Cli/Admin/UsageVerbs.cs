using System.CommandLine;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin usage [ACCOUNT]</c> and <c>holdfast admin quota</c>: what accounts store, and how much they may.</summary>
internal static class UsageVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var one = new Argument<string?>("ACCOUNT") { Description = "The account's name; all accounts unless given.", Arity = ArgumentArity.ZeroOrOne };
        var account = new Argument<string>("ACCOUNT") { Description = "The account's name." };
        var size = new Argument<string>("SIZE") { Description = "Such as 500G; `plan` for what its plan says (for a computer: no quota of its own), `none` for as much as there is room, whatever the plan says." };
        var computer = new Option<uint?>("--computer") { Description = "Of the account only this computer, by its number." };
        var derived = new Option<bool>("--derived") { Description = "Of one account: derive each day's usage again from the records of its snapshots, and show where what was kept, and is billed, differs." };
        var from = new Option<string?>("--from") { Description = "With --derived: the first day (2026-12-05); 30 days before the last unless given.", HelpName = "DAY" };
        var to = new Option<string?>("--to") { Description = "With --derived: the last day; today unless given.", HelpName = "DAY" };
        admin.Subcommands.Add(AdminCall.Ask("usage", """
            What each account uses, as it was counted last: what had been backed up when the day began (UTC). Or one account: now, by computer, its quota, its growth, and when the quota will be used up.

            Example:
              holdfast admin usage
              holdfast admin usage smith
              holdfast admin usage smith --derived --from 2026-11-01 --to 2026-11-30
            """, [one, derived, from, to], (parsed, service, cancellation) =>
            (parsed.GetValue(one), parsed.GetValue(derived)) switch
            {
                ({ } name, true) => DeriveAsync(output, service, name, parsed.GetValue(from), parsed.GetValue(to), cancellation),
                (null, true) => throw new HoldfastException(FailureTable.InvalidRequest, "`--derived` is of one account; name it."),
                ({ } name, false) => ShowAsync(output, service, name, cancellation),
                _ => ListAsync(output, service, cancellation),
            }));
        admin.Subcommands.Add(new Command("quota", """
            How much accounts may store. From 80 % on their owners are warned; when it is used up nothing more is backed up, and all that is backed up stays and can be restored.

            Example:
              holdfast admin quota set smith 500G
              holdfast admin quota set smith 100G --computer 2
              holdfast admin quota set smith plan
            """)
        {
            AdminCall.Act(output, "set", "Sets the quota of an account, or of one of its computers.", [account, size, computer], (parsed, service, cancellation) =>
            {
                var asked = parsed.GetRequiredValue(size) switch { "plan" => new ChangeQuota(), "none" => new ChangeQuota(IsUnlimited: true), var text => new ChangeQuota(BackupVerb.ParseSize(text)) };
                var path = $"/v1/accounts/{AdminCall.Part(parsed, account)}/{(parsed.GetValue(computer) is { } number ? $"computers/{number}/" : "")}quota";
                return service.SendOnceAsync(HttpMethod.Put, path, asked, MessageJson.Default.ChangeQuota, MessageJson.Default.Done, cancellation);
            }, "It counts from now on."),
        });
    }

    private static async Task DeriveAsync(Output output, ServiceClient service, string name, string? from, string? to, CancellationToken cancellation)
    {
        var query = string.Join('&', new[] { ("from", from), ("to", to) }.Where(part => part.Item2 is not null).Select(part => $"{part.Item1}={Uri.EscapeDataString(part.Item2!)}"));
        var usage = await service.GetAtAsync($"/v1/accounts/{Uri.EscapeDataString(name)}/usage/derived?{query}", MessageJson.Default.DerivedUsage, cancellation);
        foreach (var (day, kept) in usage.Days.Select(day => (day.Derived, day.Kept ?? new DayUsage(day.Derived.Day, 0, 0, 0, 0))))
        {
            var isKept = (day.Bytes, day.Objects, day.Snapshots, day.Computers) == (kept.Bytes, kept.Objects, kept.Snapshots, kept.Computers);
            output.Print($"  {AdminVerb.Day(day.Day)}  {Units.Bytes(day.Bytes),10}  {Units.Count(day.Snapshots),8} snapshots  {Units.Count(day.Computers),4} computers{(isKept ? "" : $"  kept: {Units.Bytes(kept.Bytes)}, {Units.Count(kept.Snapshots)} snapshots, {Units.Count(kept.Computers)} computers")}");
            output.Message("derived_usage", ("day", AdminVerb.Day(day.Day)), ("bytes", day.Bytes), ("objects", day.Objects), ("snapshots", day.Snapshots), ("computers", day.Computers), ("kept_bytes", kept.Bytes), ("is_kept", isKept));
        }
    }

    private static async Task ListAsync(Output output, ServiceClient service, CancellationToken cancellation)
    {
        var accounts = await service.ListAsync("/v1/usage", MessageJson.Default.AccountUsageList, page => (page.Accounts, page.Next), cancellation);
        output.Say($"{"Account",-32}  {"Stored",10}  {"Snapshots",10}  {"Computers",10}  Since");
        foreach (var account in accounts)
        {
            output.Print($"{account.Name,-32}  {Units.Bytes(account.Bytes),10}  {Units.Count(account.Snapshots),10}  {Units.Count(account.Computers),10}  {(account.Day is { } day ? AdminVerb.Day(day) : "not counted yet")}");
            output.Message("account_usage", ("account", account.Account), ("name", account.Name), ("since", account.Day is { } since ? AdminVerb.Day(since) : null), ("bytes", account.Bytes), ("objects", account.Objects),
                ("snapshots", account.Snapshots), ("computers", account.Computers));
        }

        output.Say($"{accounts.Count} accounts, {Units.Bytes(accounts.Sum(account => account.Bytes))} stored.");
    }

    private static async Task ShowAsync(Output output, ServiceClient service, string name, CancellationToken cancellation)
    {
        var usage = await service.GetAtAsync($"/v1/accounts/{Uri.EscapeDataString(name)}/usage", MessageJson.Default.AccountUsageHistory, cancellation);
        output.Print($"{usage.Name}: {Units.Bytes(usage.Bytes)} stored{(usage.Quota is { } quota ? $", {new QuotaState(quota, usage.Bytes).Percent} % of {Units.Bytes(quota)}" : "")}"
            + $"{(usage.BytesPerDay is { } growth ? $"; {(growth < 0 ? "-" : "")}{Units.Bytes(Math.Abs(growth))} a day" : "")}{(usage.FullDay is { } full ? $"; at that rate the quota is used up on {AdminVerb.Day(full)}" : "")}.");
        output.Message("account_usage", ("name", usage.Name), ("bytes", usage.Bytes), ("quota", usage.Quota), ("bytes_per_day", usage.BytesPerDay), ("full_on", usage.FullDay is { } on ? AdminVerb.Day(on) : null));
        foreach (var one in usage.Computers)
        {
            output.Print($"  computer {one.Computer,3}  {one.Name,-24}  {Units.Bytes(one.Bytes),10}{(one.Quota is { } most ? $", {new QuotaState(most, one.Bytes).Percent} % of {Units.Bytes(most)}" : "")}");
            output.Message("computer_usage", ("computer", one.Computer), ("name", one.Name), ("bytes", one.Bytes), ("quota", one.Quota));
        }

        foreach (var day in usage.Days)
        {
            output.Print($"  {AdminVerb.Day(day.Day)}  {Units.Bytes(day.Bytes),10}  {Units.Count(day.Snapshots),8} snapshots  {Units.Count(day.Computers),4} computers");
            output.Message("day_usage", ("day", AdminVerb.Day(day.Day)), ("bytes", day.Bytes), ("objects", day.Objects), ("snapshots", day.Snapshots), ("computers", day.Computers));
        }
    }
}
