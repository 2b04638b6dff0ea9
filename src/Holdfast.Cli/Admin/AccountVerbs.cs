using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>Accounts: made, listed, renamed, suspended, and codes that enrol their computers.</summary>
internal static class AccountVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(AdminCall.List(
            "accounts", "Accounts: all, or those of your organisations.", "/v1/accounts", MessageJson.Default.AccountList, page => (page.Accounts, page.Next), account => Show(output, account)));
        admin.Subcommands.Add(Account(output));
        admin.Subcommands.Add(Import(output));
        admin.Subcommands.Add(Suspension(output, "suspend", "Suspends an account: it backs up nothing until it is resumed. Restores work as always.", isSuspended: true));
        admin.Subcommands.Add(Suspension(output, "resume", "Lets a suspended account go on.", isSuspended: false));
    }

    public static Argument<string> Named() => new("account") { Description = "The account's name." };

    private static Command Account(Output output)
    {
        var (created, coded, renamed, newName) = (Named(), Named(), Named(), new Argument<string>("new-name") { Description = "What it shall be called." });
        return new Command("account", """
            Makes an account, gives it another name, or makes a code that enrols one more computer.

            Examples:
              holdfast admin account create "Front desk"
              holdfast admin account code "Front desk" --quiet
            """)
        {
            AdminCall.Ask("create", "Makes an account, and a code that enrols its first computer.", [created], async (parsed, service, cancellation) => ShowCode(parsed, output, await service.SendOnceAsync(
                HttpMethod.Post, "/v1/accounts", new CreateAccount(parsed.GetRequiredValue(created)), MessageJson.Default.CreateAccount, MessageJson.Default.AccountCreated, cancellation))),
            AdminCall.Ask("code", "A code that enrols one more computer.", [coded], async (parsed, service, cancellation) => ShowCode(parsed, output, await AdminCall.SendAsync(
                service, HttpMethod.Post, $"/v1/accounts/{AdminCall.Part(parsed, coded)}/codes", MessageJson.Default.AccountCreated, cancellation))),
            AdminCall.Ask("rename", "Gives an account another name. After a rebuild its name is its id: names are not on pods.", [renamed, newName], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
                HttpMethod.Patch, $"/v1/accounts/{AdminCall.Part(parsed, renamed)}", new RenameAccount(parsed.GetRequiredValue(newName)), MessageJson.Default.RenameAccount, MessageJson.Default.AccountSummary, cancellation))),
        };
    }

    private static Command Import(Output output)
    {
        var file = new Argument<string>("file") { Description = "One account a line: its name, and behind a tab its organisation's id if it has one; - for standard input." };
        return AdminCall.Ask("import", """
            Makes many accounts, with a code for each that enrols its first computer. Names that there are already are left as they are, so it can be run again.
            A line for each account: id, name and code, with tabs between them.

            Example:
              holdfast admin import customers.txt > codes.txt
            """, [file], async (parsed, service, cancellation) =>
        {
            var lines = parsed.GetRequiredValue(file) is "-" ? (await Console.In.ReadToEndAsync(cancellation)).Split('\n') : SessionFile.Read(parsed.GetRequiredValue(file)).Split('\n');
            var accounts = lines.Select(line => line.TrimEnd('\r')).Where(line => line.Length > 0).Select(line => line.Split('\t')).Select(parts => new ImportedAccount(parts[0], parts.Length > 1 && parts[1].Length > 0 ? parts[1] : null)).ToList();
            foreach (var some in accounts.Chunk(ImportAccounts.AccountsMax))
            {
                var imported = await service.SendOnceAsync(HttpMethod.Post, "/v1/accounts/import", new ImportAccounts(some), MessageJson.Default.ImportAccounts, MessageJson.Default.AccountsImported, cancellation);
                foreach (var account in imported.Accounts)
                {
                    output.Print($"{account.Account}\t{account.Name}\t{account.Code ?? "was there"}");
                    output.Message("account", ("account", account.Account), ("name", account.Name), ("code", account.Code));
                }
            }
        });
    }

    private static Command Suspension(Output output, string verb, string description, bool isSuspended)
    {
        var account = Named();
        return AdminCall.Ask(verb, description, [account], async (parsed, service, cancellation) =>
        {
            var summary = await service.SendOnceAsync(HttpMethod.Put, $"/v1/accounts/{AdminCall.Part(parsed, account)}/suspension",
                new SetSuspension(isSuspended), MessageJson.Default.SetSuspension, MessageJson.Default.AccountSummary, cancellation);
            output.Print($"Account {summary.Name} is {summary.State}.");
            output.Message("account", ("account", summary.Account), ("name", summary.Name), ("state", summary.State));
        });
    }

    private static void Show(Output output, AccountSummary account)
    {
        output.Print($"{account.Account}  {account.State,-11}  {AdminVerb.At(account.CreatedAt)}  {account.Name}{(account.ClosesAt is { } closes ? $"  closes at {AdminVerb.At(closes)}" : "")}");
        output.Message("account", ("account", account.Account), ("name", account.Name), ("state", account.State), ("created_at", account.CreatedAt), ("closes_at", account.ClosesAt));
    }

    private static void ShowCode(ParseResult parsed, Output output, AccountCreated created)
    {
        output.Say($"Account {created.Name} ({created.Account}). Enrol a computer with:");
        output.Print(parsed.GetValue(Flags.Quiet) ? created.Code : $"  holdfast enrol {AdminVerb.Service(parsed)} {created.Code}");
        output.Message("enrolment_code", ("account", created.Account), ("name", created.Name), ("code", created.Code));
    }
}
