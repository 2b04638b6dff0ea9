using System.CommandLine;

namespace Holdfast.Server;

/// <summary>The verbs of <c>holdfastd</c>. All but <c>run</c> speak to the running service through its API.</summary>
internal static class Commands
{
    private static readonly Option<string> _data = new("--data")
    {
        Description = "Folder of the service's databases, keys and embedded pod.",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_DATA") ?? "/var/lib/holdfast",
    };

    private static readonly Option<bool> _quiet = new("--quiet", "-q") { Description = "Print only what a script needs." };

    public static RootCommand Build()
    {
        var root = new RootCommand("""
            Holdfast's service: the authority and its pod in one process.

            Examples:
              holdfastd run --data /var/lib/holdfast --listen http://127.0.0.1:8750
              holdfastd operator create alice
              holdfastd account create customer-1
              holdfastd rebuild --drive /mnt/d0 --drive /mnt/d1 --drive /mnt/d2   # every database is gone
            """);
        root.Subcommands.Add(Run());
        root.Subcommands.Add(Operator());
        root.Subcommands.Add(Account());
        root.Subcommands.Add(Keys());
        root.Subcommands.Add(ConfigCommand.Build(_data));
        root.Subcommands.Add(PodCommands.Build(_data));
        root.Subcommands.Add(RestorerCommand.Build());
        root.Subcommands.Add(RebuildCommand.Build(_data));
        root.Subcommands.Add(SelfBackupCommands.BuildBackup(_data));
        root.Subcommands.Add(SelfBackupCommands.BuildRestore(_data));
        return root;
    }

    private static Command Run()
    {
        var listen = new Option<string>("--listen")
        {
            Description = "Address to listen on. Plain http is refused off the loopback; port 0 picks a free one.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_LISTEN") ?? "http://127.0.0.1:8750",
        };
        var url = new Option<string?>("--url")
        {
            Description = "Address under which clients reach this service, if it is not the one listened on (behind a proxy).",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_URL"),
        };
        var roles = new Option<string>("--roles")
        {
            Description = "What this process is: authority, pod, or both. A pod of its own is joined to its authority with `holdfastd pod join`.",
            DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HOLDFAST_ROLES") ?? "authority,pod",
        };
        var command = new Command("run", "Runs the service until SIGTERM or SIGINT.") { _data, listen, url, roles };
        command.SetAction((parsed, cancellation) => Service.RunAsync(
            parsed.GetRequiredValue(_data), Roles.Parse(parsed.GetRequiredValue(roles)), parsed.GetRequiredValue(listen), parsed.GetValue(url), cancellation));
        return command;
    }

    private static Command Operator()
    {
        var name = new Argument<string>("name") { Description = "The operator's name." };
        var create = new Command("create", "Makes an operator and keeps the token in the data folder.") { name, _data };
        create.SetAction((parsed, cancellation) => OperatorCommands.CreateOperatorAsync(parsed.GetRequiredValue(_data), parsed.GetRequiredValue(name), cancellation));
        return new Command("operator", "Operators of this service.") { create };
    }

    private static Command Keys()
    {
        var revokeOld = new Option<bool>("--revoke-old") { Description = "Makes what the old key signed worthless at once, as after a leak. Uploads and restores under way have to ask again." };
        var rotate = new Command("rotate", "Changes to a new key for grants while the service runs. The pod honours the old one too until the next change; a grant lives six hours at most.") { revokeOld, _data };
        rotate.SetAction((parsed, cancellation) => OperatorCommands.RotateGrantKeyAsync(parsed.GetRequiredValue(_data), parsed.GetValue(revokeOld), cancellation));
        var create = new Command("create", "Makes the keys of a new service in the folder that its nodes share (`keys` in holdfastd.json). Keys that are there stay.") { _data };
        create.SetAction(parsed =>
        {
            using var data = DataFolder.Open(parsed.GetRequiredValue(_data), Roles.AuthorityAlone, mayMakeShared: true);
            Console.WriteLine($"The keys are in {data.Keys}.");
            return Protocol.Failures.ExitCode.Ok;
        });
        return new Command("keys", "Keys that sign the permissions to use the pod.") { rotate, create };
    }

    private static Command Account()
    {
        var name = new Argument<string>("name") { Description = "The account's name." };
        var create = new Command("create", "Makes an account and prints the code that enrols its first computer.") { name, _data, _quiet };
        create.SetAction((parsed, cancellation) =>
            OperatorCommands.CreateAccountAsync(parsed.GetRequiredValue(_data), parsed.GetRequiredValue(name), parsed.GetValue(_quiet), cancellation));
        var code = new Command("code", "Prints a code that enrols one more computer of an account.") { name, _data, _quiet };
        code.SetAction((parsed, cancellation) =>
            OperatorCommands.CreateCodeAsync(parsed.GetRequiredValue(_data), parsed.GetRequiredValue(name), parsed.GetValue(_quiet), cancellation));
        var list = new Command("list", "Lists the accounts.") { _data };
        list.SetAction((parsed, cancellation) => OperatorCommands.ListAccountsAsync(parsed.GetRequiredValue(_data), cancellation));
        var newName = new Argument<string>("new-name") { Description = "The name it shall have." };
        var rename = new Command("rename", "Gives an account another name. After a rebuild its name is its id: names are not on pods.") { name, newName, _data };
        rename.SetAction((parsed, cancellation) =>
            OperatorCommands.RenameAccountAsync(parsed.GetRequiredValue(_data), parsed.GetRequiredValue(name), parsed.GetRequiredValue(newName), cancellation));
        return new Command("account", "Customers' accounts.") { create, code, list, rename };
    }
}
