using System.CommandLine;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Json.Nodes;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary><c>holdfast admin</c>: what people ask of the service, from anywhere.</summary>
internal static class AdminVerb
{
    private static readonly Option<string?> _service = Recursive(Flags.Text("--service", "The service's address, such as https://backup.example.org."));
    private static readonly Option<string?> _tokenFile = Recursive(Flags.Text("--token-file", "A file with an operator's token, or the token itself in HOLDFAST_OPERATOR_TOKEN; without either, who is signed in."));

    public static Command Build(Output output)
    {
        var command = new Command("admin", """
            The service as those see it who run it, and as the people see it whose accounts it keeps (docs/permissions.md).

            Examples:
              holdfast admin sign-in --service https://backup.example.org --email me@example.org
              holdfast admin jobs --service https://backup.example.org --token-file ~/.operator-token
              holdfast admin usage --json
              holdfast admin growth --metric stored_bytes
              holdfast admin audit --verify
            """) { _service, _tokenFile };
        command.Subcommands.Add(Jobs(output));
        command.Subcommands.Add(Usage(output));
        command.Subcommands.Add(Growth(output));
        command.Subcommands.Add(Audit(output));
        command.Subcommands.Add(Computers(output));
        command.Subcommands.Add(Computer(output));
        command.Subcommands.Add(Import(output));
        command.Subcommands.Add(Suspension(output, "suspend", "Suspends an account: it backs up nothing until it is resumed. Restores work as always.", isSuspended: true));
        command.Subcommands.Add(Suspension(output, "resume", "Lets a suspended account go on.", isSuspended: false));
        AdminClosingVerb.AddTo(command, output);
        AdminEscrowVerb.AddTo(command, output);
        AdminPeopleVerb.AddTo(command, output);
        AdminOrganisationVerb.AddTo(command, output);
        return command;
    }

    private static Command Jobs(Output output)
    {
        var command = new Command("jobs", "The service's own work, the latest first. Exit code 3 if some of it is stuck.");
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var jobs = await service.ListAsync("/v1/jobs", MessageJson.Default.JobList, page => (page.Jobs, page.Next), cancellation);
            output.Say($"{"Asked for",-19}  {"Kind",-14}  {"Subject",-20}  {"State",-8}  {"Due or ended",-19}  Node");
            foreach (var job in jobs)
            {
                output.Print($"{At(job.CreatedAt)}  {job.Kind,-14}  {job.Subject,-20}  {(job.IsStuck ? "stuck" : job.State),-8}  {At(job.EndedAt ?? job.DueAt)}  {job.Node}{(job.Failure is { } failure ? $"\n  attempt {job.Attempts}: {failure}" : "")}");
                output.Message("job", ("id", job.Id), ("kind", job.Kind), ("subject", job.Subject), ("state", job.State), ("due_at", job.DueAt), ("node", job.Node), ("attempts", job.Attempts),
                    ("stuck", job.IsStuck), ("failure", job.Failure), ("created_at", job.CreatedAt), ("ended_at", job.EndedAt));
            }

            return jobs.Any(job => job.IsStuck) ? ExitCode.Partial : ExitCode.Ok;
        });
        return command;
    }

    private static Command Usage(Output output)
    {
        var command = new Command("usage", "What each account uses, as it was counted last (once a day).");
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var accounts = await service.ListAsync("/v1/usage", MessageJson.Default.AccountUsageList, page => (page.Accounts, page.Next), cancellation);
            output.Say($"{"Account",-32}  {"Stored",10}  {"Snapshots",10}  {"Computers",10}  Since");
            foreach (var account in accounts)
            {
                output.Print($"{account.Name,-32}  {Units.Bytes(account.Bytes),10}  {Units.Count(account.Snapshots),10}  {Units.Count(account.Computers),10}  {(account.Day is { } day ? Day(day) : "not counted yet")}");
                output.Message("account_usage", ("account", account.Account), ("name", account.Name), ("since", account.Day is { } since ? Day(since) : null), ("bytes", account.Bytes), ("objects", account.Objects),
                    ("snapshots", account.Snapshots), ("computers", account.Computers));
            }

            output.Say($"{accounts.Count} accounts, {Units.Bytes(accounts.Sum(account => account.Bytes))} stored.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Growth(Output output)
    {
        var metric = new Option<string?>("--metric") { Description = "One of accounts, computers, computers_behind, snapshots, stored_bytes, stored_objects, database_bytes, rows, bytes, pod_objects, pod_bytes, drive_bytes, drive_bytes_used, tree_files." };
        var command = new Command("growth", "How much there was of what, a value a day: daily for 60 days, weekly for 400, then every four weeks.") { metric };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var wanted = parsed.GetValue(metric);
            var samples = await service.ListAsync("/v1/growth", MessageJson.Default.GrowthHistory, page => (page.Samples, page.Next), cancellation);
            foreach (var sample in samples.Where(sample => wanted is null || sample.Metric == wanted))
            {
                output.Print($"{Day(sample.Day)}  {sample.Metric,-18}  {sample.Subject,-32}  {Units.Count(sample.Value),20}");
                output.Message("growth", ("day", Day(sample.Day)), ("metric", sample.Metric), ("subject", sample.Subject), ("value", sample.Value));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Computers(Output output)
    {
        var account = Account();
        var command = new Command("computers", "An account's computers, and when each backed up last.") { account };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var computers = await service.ListAsync($"/v1/accounts/{Uri.EscapeDataString(parsed.GetRequiredValue(account))}/computers", MessageJson.Default.ComputerList, page => (page.Computers, page.Next), cancellation);
            output.Say($"{"No",4}  {"Name",-24}  {"State",-8}  {"Enrolled",-19}  Last backup");
            foreach (var computer in computers)
            {
                Print(output, computer);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Computer(Output output)
    {
        var command = new Command("computer", "Changes one computer of an account.");
        var newName = new Argument<string>("new-name") { Description = "What it shall be called." };
        command.Subcommands.Add(Change("rename", "Gives a computer another name.", parsed => new ChangeComputer(parsed.GetRequiredValue(newName)), newName));
        var replaced = new Argument<uint>("replaced") { Description = "The number of the one whose place it takes." };
        command.Subcommands.Add(Change("replace", "This is the new computer of somebody: it takes another's place, which is retired; that one's history is its own too.", parsed => new ChangeComputer(Replaces: parsed.GetRequiredValue(replaced)), replaced));
        command.Subcommands.Add(Change("retire", "A computer is not used any more: its snapshots stay, and nobody waits for its backups.", _ => new ChangeComputer(Retired: true)));
        command.Subcommands.Add(Change("reinstate", "Takes a computer's retirement back.", _ => new ChangeComputer(Retired: false)));
        return command;

        Command Change(string verb, string description, Func<ParseResult, ChangeComputer> change, params Argument[] more)
        {
            var (account, number) = (Account(), new Argument<uint>("computer") { Description = "Its number, as `holdfast admin computers` shows it." });
            var command = new Command(verb, description) { account, number };
            Array.ForEach(more, command.Arguments.Add);
            command.SetAction(async (parsed, cancellation) =>
            {
                using var service = Connect(parsed);
                Print(output, await service.SendOnceAsync(HttpMethod.Patch, $"/v1/accounts/{Uri.EscapeDataString(parsed.GetRequiredValue(account))}/computers/{parsed.GetRequiredValue(number)}",
                    change(parsed), MessageJson.Default.ChangeComputer, MessageJson.Default.ComputerSummary, cancellation));
                return ExitCode.Ok;
            });
            return command;
        }
    }

    private static Command Import(Output output)
    {
        var file = new Argument<string>("file") { Description = "One account a line: its name, and behind a tab its organisation's id if it has one; - for standard input." };
        var command = new Command("import", """
            Makes many accounts, with a code for each that enrols its first computer. Names that there are already are left as they are, so it can be run again.
            A line for each account: id, name and code, with tabs between them.

            Example:
              holdfast admin import customers.txt > codes.txt
            """) { file };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var lines = parsed.GetRequiredValue(file) is "-" ? Console.In.ReadToEnd().Split('\n') : SessionFile.Read(parsed.GetRequiredValue(file)).Split('\n');
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

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Suspension(Output output, string verb, string description, bool isSuspended)
    {
        var account = Account();
        var command = new Command(verb, description) { account };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var summary = await service.SendOnceAsync(HttpMethod.Put, $"/v1/accounts/{Uri.EscapeDataString(parsed.GetRequiredValue(account))}/suspension",
                new SetSuspension(isSuspended), MessageJson.Default.SetSuspension, MessageJson.Default.AccountSummary, cancellation);
            output.Print($"Account {summary.Name} is {summary.State}.");
            output.Message("account", ("account", summary.Account), ("name", summary.Name), ("state", summary.State));
            return ExitCode.Ok;
        });
        return command;
    }

    public static Argument<string> Account() => new("account") { Description = "The account's name." };

    private static void Print(Output output, ComputerSummary computer)
    {
        var state = computer.Revoked ? "revoked" : computer.Retired ? "retired" : computer.Rights == "Waiting" ? "waiting" : "in use";
        output.Print($"{computer.Computer,4}  {computer.Name,-24}  {state,-8}  {At(computer.CreatedAt)}  {(computer.LastBackupAt is { } last ? At(last) : "never")}{(computer.Replaces is { } before ? $"  in the place of {before}" : "")}");
        output.Message("computer", ("computer", computer.Computer), ("name", computer.Name), ("state", state), ("created_at", computer.CreatedAt), ("last_backup_at", computer.LastBackupAt), ("replaces", computer.Replaces));
    }

    private static Command Audit(Output output)
    {
        var verify = new Option<bool>("--verify") { Description = "Recompute every hash; exit code 1 if an entry was changed or is missing." };
        var command = new Command("audit", "What operators did. Keep the last hash elsewhere: with it, nothing before it can be changed unseen.") { verify };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = Connect(parsed);
            var entries = await service.ListAsync("/v1/audit", MessageJson.Default.AuditEntries, page => (page.Entries, page.Next), cancellation);
            if (parsed.GetValue(verify))
            {
                return Verify(entries, output);
            }

            foreach (var entry in entries)
            {
                output.Print($"{entry.Number,6}  {At(entry.At)}  {entry.Actor,-16}  {entry.Action}  {entry.Subject}");
                output.Message("audit", ("number", entry.Number), ("at", entry.At), ("actor", entry.Actor), ("action", entry.Action), ("subject", entry.Subject), ("hash", Convert.ToHexStringLower(entry.Hash)));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static int Verify(IReadOnlyList<AuditEntry> entries, Output output)
    {
        var before = new byte[SHA256.HashSizeInBytes];
        for (var number = 1; number <= entries.Count; number++)
        {
            var entry = entries[number - 1];
            if (entry.Number != number || !entry.HashBehind(before).AsSpan().SequenceEqual(entry.Hash))
            {
                throw new HoldfastException(FailureTable.Tampered, $"Entry {number} of the audit log was changed, or is missing.");
            }

            before = entry.Hash;
        }

        output.Print($"{entries.Count} entries, each in its place; the last hash is {Convert.ToHexStringLower(before)}.");
        output.Message("audit_verified", ("entries", entries.Count), ("last_hash", Convert.ToHexStringLower(before)));
        return ExitCode.Ok;
    }

    /// <summary>The service, as whoever has the token.</summary>
    public static ServiceClient Connect(ParseResult parsed)
    {
        var token = parsed.GetValue(_tokenFile) is { } file ? SessionFile.Read(file) : Environment.GetEnvironmentVariable("HOLDFAST_OPERATOR_TOKEN");
        if (token is not { Length: > 0 } && SessionFile.TryRead() is var (signedInAt, session))
        {
            token = SessionFile.Origin(Service(parsed)) == signedInAt
                ? session : throw new HoldfastException(FailureTable.InvalidRequest, $"You are signed in at {signedInAt}: sign in at {Service(parsed)} first.");
        }

        return token is { Length: > 0 }
            ? new ServiceClient(Service(parsed), null, token, TimeProvider.System)
            : throw new HoldfastException(FailureTable.InvalidRequest, "Sign in first (`holdfast admin sign-in`), or name an operator's token: --token-file, or HOLDFAST_OPERATOR_TOKEN.");
    }

    /// <summary>The service, as nobody in particular.</summary>
    public static ServiceClient ConnectAsNobody(ParseResult parsed) => new(Service(parsed), null, null, TimeProvider.System);

    /// <summary>Seconds since 1970 as this computer's clock shows them.</summary>
    public static string At(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>The service that is named, or else the one where somebody is signed in.</summary>
    public static string Service(ParseResult parsed) =>
        parsed.GetValue(_service) ?? SessionFile.TryRead()?.Service ?? throw new HoldfastException(FailureTable.InvalidRequest, "Name the service with --service or HOLDFAST_SERVICE.");

    private static string Day(long day) => DateOnly.FromDayNumber((int)day + DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    private static Option<string?> Recursive(Option<string?> option)
    {
        option.Recursive = true;
        return option;
    }
}
