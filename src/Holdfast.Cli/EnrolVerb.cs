using System.CommandLine;
using Holdfast.Client.Computers;
using Holdfast.Client.Enrolling;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class EnrolVerb
{
    public static Command Build(Output output)
    {
        var url = new Argument<string?>("url") { Description = "The service's address.", Arity = ArgumentArity.ZeroOrOne };
        var code = new Argument<string?>("code") { Description = "The one-time code from the operator.", Arity = ArgumentArity.ZeroOrOne };
        var name = Flags.Text("--name", "This computer's name; its host name if not given.");
        var writeOnly = Flags.Switch("--write-only", "Enrols without the passphrase: somebody approves it on another computer, and this one can only add backups.");
        var approve = Flags.Text("--approve", "Approves the waiting computer whose screen shows this code. Run it on an enrolled computer.");
        var command = new Command("enrol", """
            Makes this computer one of an account.

            Examples:
              holdfast enrol https://backup.example.org 7KQ2-M9XD-4TRV-B3HW
              holdfast enrol --write-only https://backup.example.org 7KQ2-M9XD-4TRV-B3HW
              holdfast enrol --approve 1F0C-…
            """) { url, code, name, writeOnly, approve };
        command.Validators.Add(result =>
        {
            if (result.GetValue(approve) is null && (result.GetValue(url) is null || result.GetValue(code) is null))
            {
                result.AddError("enrol needs URL and CODE, or --approve CODE.");
            }
        });
        command.SetAction(async (parsed, cancellation) =>
        {
            if (parsed.GetValue(approve) is { } shown)
            {
                return await ApproveAsync(output, shown, cancellation);
            }

            var enrolment = new Enrolment(ComputerFolders.FromEnvironment(), TimeProvider.System, Session.Random);
            var host = parsed.GetValue(name) ?? Environment.MachineName;
            var enrolled = parsed.GetValue(writeOnly)
                ? await enrolment.EnrolWriteOnlyAsync(parsed.GetValue(url)!, parsed.GetValue(code)!, host, shownCode =>
                {
                    output.Print($"On an enrolled computer of the account, run:\n  holdfast enrol --approve {shownCode}\nWaiting…");
                    output.Message("approval_code", ("code", shownCode));
                }, cancellation)
                : await enrolment.EnrolAsync(parsed.GetValue(url)!, parsed.GetValue(code)!, host, isNew => Secrets.Ask(
                    isNew ? "Choose the account's passphrase (without it or the recovery key nobody can read your backups): " : "The account's passphrase: ", isNew), cancellation);
            Report(output, enrolled);
            return ExitCode.Ok;
        });
        return command;
    }

    private static void Report(Output output, Enrolled enrolled)
    {
        output.Say($"This computer is computer {enrolled.Computer.Number} ({enrolled.Computer.Name}) of account {enrolled.Computer.AccountName}.");
        if (enrolled.WasCutOff)
        {
            output.Say("Its enrolment had been cut off behind its last step, and is complete now. If this is the account's first computer, make a recovery key: holdfast key recovery");
        }

        if (enrolled.IsRebuilt)
        {
            output.Say("The service lost its databases and was rebuilt: look at what came back, and confirm it, with `holdfast attach`.");
        }

        if (enrolled.RecoveryKey is { } key)
        {
            // Even --quiet: it is shown nowhere else, ever.
            output.Print($"""

                Recovery key, shown only now. Print it and keep it away from this computer:

                  {key}

                """);
        }

        output.Message("enrolled", ("account", enrolled.Computer.Account.ToString()), ("computer", enrolled.Computer.Number), ("recovery_key", enrolled.RecoveryKey));
    }

    private static async Task<int> ApproveAsync(Output output, string code, CancellationToken cancellation)
    {
        using var session = Session.Open();
        using var account = await session.OpenAccountAsync(cancellation);
        var name = await Enrolment.ApproveAsync(account, session.Service, code, cancellation);
        output.Say($"{name} was approved: it can add backups, and opens nothing.");
        output.Message("approved", ("name", name));
        return ExitCode.Ok;
    }
}
