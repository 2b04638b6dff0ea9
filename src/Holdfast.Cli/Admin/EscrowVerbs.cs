using System.CommandLine;
using System.Text;
using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin escrow</c>: the operator's keys of managed accounts. Their files never go to the service.</summary>
internal static class EscrowVerbs
{
    public static void AddTo(Command admin, Output output) => admin.Subcommands.Add(new Command("escrow", """
        Keys that open the accounts of customers who agreed to it (`holdfast key escrow`). The service has the public halves; the files stay where the service is not.
        The passphrase of a file comes from HOLDFAST_ESCROW_PASSPHRASE (…_FILE, …_COMMAND) or the terminal, that of a new one in a rotation from HOLDFAST_NEW_PASSPHRASE.

        Examples:
          holdfast admin escrow create /media/safe/escrow-2026.pem
          holdfast admin escrow register /media/safe/escrow-2026.pem
          holdfast admin escrow check customer /media/safe/escrow-2026.pem
          holdfast admin escrow rotate /media/safe/escrow-2026.pem /media/safe/escrow-2027.pem
        """) { Create(output), Register(output), List(output), Check(output), Rotate(output) });

    private static Command Create(Output output)
    {
        var file = File("Where the key is written; it must not be there yet.");
        var command = new Command("create", "Makes a key, in a file of its own, under a passphrase.") { file };
        command.SetAction(parsed =>
        {
            var path = Path.GetFullPath(parsed.GetRequiredValue(file));
            if (System.IO.File.Exists(path))
            {
                throw new HoldfastException(FailureTable.Conflict, $"{path} is there already: a key is never written over.");
            }

            using var key = EscrowKey.Create();
            PrivateFile.Write(path, Encoding.ASCII.GetBytes(key.Write(Secrets.Ask("Passphrase for the escrow key: ", twice: true, "HOLDFAST_ESCROW_PASSPHRASE")) + "\n"));
            output.Print(key.Fingerprint);
            output.Message("escrow_key", ("fingerprint", key.Fingerprint));
            output.Say("Tell customers this fingerprint by a way that is not the service. Keep the file, and its passphrase, where the service is not.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Register(Output output)
    {
        var file = File("The key's file.");
        var command = new Command("register", "Offers the key to customers from now on. Needs two factors shown within the last ten minutes.") { file };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var key = Read(parsed.GetRequiredValue(file), "HOLDFAST_ESCROW_PASSPHRASE");
            using var service = AdminVerb.Connect(parsed);
            Print(output, await service.SendOnceAsync(HttpMethod.Post, "/v1/escrow-keys", new RegisterEscrowKey(key.PublicKey), MessageJson.Default.RegisterEscrowKey, MessageJson.Default.EscrowKeySummary, cancellation));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command List(Output output)
    {
        var command = new Command("list", "Escrow keys, the newest first, and how many accounts each opens.");
        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            foreach (var key in (await service.GetAtAsync("/v1/escrow-keys", MessageJson.Default.EscrowKeyList, cancellation)).Keys)
            {
                Print(output, key);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Check(Output output)
    {
        var (account, file) = (AccountVerbs.Named(), File("The key's file."));
        var command = new Command("check", "Opens an account's keyring with a key, to see that it does, and forgets it again. It is written down that somebody asked.") { account, file };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var key = Read(parsed.GetRequiredValue(file), "HOLDFAST_ESCROW_PASSPHRASE");
            using var service = AdminVerb.Connect(parsed);
            var (keyring, _) = Open(await GetAsync(service, parsed.GetRequiredValue(account), cancellation), key);
            using (keyring)
            {
                output.Print($"The key {key.Fingerprint} opens account {parsed.GetRequiredValue(account)}.");
                output.Message("escrow_opens", ("fingerprint", key.Fingerprint), ("account", keyring.Account.ToString()));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Rotate(Output output)
    {
        var (old, next) = (File("The file of the key that opens the accounts now."), File("The file of the key that shall; it must be registered.", "new-file"));
        var command = new Command("rotate", """
            Puts one escrow key in the place of another, account after account, without their owners: they see the new key in `holdfast key list`. Run it again if it was ended, or when the proof of
            your two factors is ten minutes old. The old key's file opens copies of old keyrings for ever: destroy it, or guard it as long as there are any.
            """) { old, next };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var key = Read(parsed.GetRequiredValue(old), "HOLDFAST_ESCROW_PASSPHRASE");
            using var after = Read(parsed.GetRequiredValue(next), "HOLDFAST_NEW_PASSPHRASE");
            using var service = AdminVerb.Connect(parsed);
            if ((await service.GetAtAsync("/v1/escrow-keys", MessageJson.Default.EscrowKeyList, cancellation)).Keys.All(known => known.Fingerprint != after.Fingerprint))
            {
                throw new HoldfastException(FailureTable.NotFound, $"The key {after.Fingerprint} is not registered: run `holdfast admin escrow register` first.");
            }

            var accounts = await service.ListAsync($"/v1/escrow-keys/{key.Fingerprint}/accounts", MessageJson.Default.AccountList, page => (page.Accounts, page.Next), cancellation);
            foreach (var account in accounts)
            {
                var (keyring, log) = Open(await GetAsync(service, account.Name, cancellation), key);
                using (keyring)
                {
                    await service.SendOnceAsync(HttpMethod.Post, PathOf(account.Name), KeySlots.Exchange(keyring, log, after.PublicKey, Session.Random), MessageJson.Default.AppendLog, MessageJson.Default.LogAppended, cancellation);
                }

                output.Print($"{account.Name}: {after.Fingerprint}");
                output.Message("escrow_exchanged", ("account", account.Account), ("fingerprint", after.Fingerprint));
            }

            output.Say($"{accounts.Count} accounts.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static (Keyring Keyring, AccountLog Log) Open(EscrowedAccount account, EscrowKey key)
    {
        try
        {
            var log = AccountView.Verified(() => AccountLog.Verify(account.Log.Select(bytes => (ReadOnlyMemory<byte>)bytes)));
            return (AccountView.Verified(() => Keyring.Open(KeyringObject.Parse(account.Keyring), log, key)), log);
        }
        catch (WrongSecretException exception)
        {
            throw new HoldfastException(FailureTable.WrongPassphrase, $"The key {key.Fingerprint} does not open account {account.Name}.", exception);
        }
    }

    private static Task<EscrowedAccount> GetAsync(ServiceClient service, string account, CancellationToken cancellation) => service.GetAtAsync(PathOf(account), MessageJson.Default.EscrowedAccount, cancellation);

    private static string PathOf(string account) => $"/v1/accounts/{Uri.EscapeDataString(account)}/escrow";

    private static EscrowKey Read(string path, string variable)
    {
        var pem = SessionFile.Read(path);
        try
        {
            return EscrowKey.Read(pem, Secrets.Ask($"Passphrase of {path}: ", twice: false, variable));
        }
        catch (WrongSecretException exception)
        {
            throw new HoldfastException(FailureTable.WrongPassphrase, $"{path} does not open with this passphrase, or is no escrow key.", exception);
        }
    }

    private static Argument<string> File(string description, string name = "file") => new(name) { Description = description };

    private static void Print(Output output, EscrowKeySummary key)
    {
        output.Print($"{key.Fingerprint}  since {AdminVerb.At(key.CreatedAt)}  opens {Units.Count(key.Accounts)} accounts");
        output.Message("escrow_key", ("fingerprint", key.Fingerprint), ("created_at", key.CreatedAt), ("accounts", key.Accounts));
    }
}
