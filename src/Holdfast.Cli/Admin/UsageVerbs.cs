using System.CommandLine;
using Holdfast.Client.Connecting;
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
        admin.Subcommands.Add(AdminCall.Ask("usage", "What each account uses, as it was counted last (once a day); or one account: now, by computer, its quota, its growth, and when the quota will be used up.", [one], (parsed, service, cancellation) =>
            parsed.GetValue(one) is { } name ? ShowAsync(output, service, name, cancellation) : ListAsync(output, service, cancellation)));
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
