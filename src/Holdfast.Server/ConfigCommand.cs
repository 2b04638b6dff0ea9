using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Schema;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary><c>holdfastd config</c>: what the configuration file may say, and whether the one that is there can be understood.</summary>
internal static class ConfigCommand
{
    public static Command Build(Option<string> data)
    {
        var check = new Command("check", "Reads holdfastd.json in the data folder and says what it means. Nothing is opened or changed.") { data };
        check.SetAction(parsed => Check(parsed.GetRequiredValue(data)));
        var explain = new Command("explain", "Prints a configuration file with every setting explained.");
        explain.SetAction(_ =>
        {
            Console.WriteLine(Explained);
            return ExitCode.Ok;
        });
        var schema = new Command("schema", "Prints the configuration file's JSON schema, for editors.");
        schema.SetAction(_ =>
        {
            Console.WriteLine(ConfigurationJson.Default.ServiceConfiguration.GetJsonSchemaAsNode().ToJsonString(new JsonSerializerOptions { WriteIndented = true }));
            return ExitCode.Ok;
        });
        return new Command("config", "The configuration file, holdfastd.json in the data folder. Without one everything is in that folder.") { check, explain, schema };
    }

    private const string Explained = """
        {
          // People and accounts. sqlite:PATH is for one process; a PostgreSQL (15 or newer) serves any number of nodes.
          // Paths are seen from the data folder. Keep passwords out of this file: PGPASSFILE or Passfile=… names a file with them.
          "directory": "Host=db.example.org;Database=holdfast;Username=holdfast;SSL Mode=VerifyFull",

          // Only while the directory is being moved (docs/moving.md): where to. Once it has moved, put this in "directory" and take it away.
          "next_directory": "Host=db2.example.org;Database=holdfast;Username=holdfast;SSL Mode=VerifyFull",

          // Everything that belongs to accounts. The names are kept in the directory: do not change them.
          "stores": {
            "one": "Host=db.example.org;Database=holdfast;Username=holdfast;SSL Mode=VerifyFull",
            "two": "Host=db2.example.org;Database=holdfast;Username=holdfast;SSL Mode=VerifyFull;Search Path=accounts"
          },

          // The store that is the home of new accounts; needed if there are several.
          "new_accounts": "one",

          // The authority's keys and what it knows of its pod, for all its nodes: a folder that each of them can read and write,
          // and nobody else. Made once, by `holdfastd pod join` or `holdfastd keys create`. The data folder unless set.
          "keys": "/etc/holdfast/keys",

          // PEM files for https; read again when they change. Without them, serve on the loopback behind a proxy.
          "tls": { "certificate": "/etc/holdfast/tls/fullchain.pem", "key": "/etc/holdfast/tls/privkey.pem" },

          // How mail is sent: invitations, codes to set another password. Encryption is starttls, tls, or none (on this machine only).
          // Without it, whoever makes a code hands it on.
          "mail": { "host": "mail.example.org", "port": 587, "from": "Backup <backup@example.org>", "user": "backup", "password_file": "/etc/holdfast/mail-password" },

          // Who gets mail of alerts (a dead drive, a drive full before long, a certificate that runs out, …). All operators and admins unless set. `holdfast admin webhook` tells programs.
          "alert_mail": ["pager@example.org"],

          // Who issues invoices, each month for the one before; without it none are issued. Tax in hundredths of a percent. Who does not pay is reminded, warned, and at last backs up nothing new, so many days behind the due date; restores never stop.
          "billing": { "seller": { "name": "Example Backup Ltd", "address": "1 Example Street\nExample Town", "tax_number": "XX123456789", "bank": "IBAN XX00 0000 0000 0000, please name the invoice" },
                       "number_prefix": "HF-", "tax_label": "VAT", "tax_basis_points": 1900, "due_days": 14, "reminded_after_days": 3, "warned_after_days": 14, "paused_after_days": 30,
                       // Cards are charged by Stripe; its events (setup_intent.succeeded, payment_intent.succeeded, refund.created, refund.updated, charge.dispute.funds_withdrawn) go to /v1/payment-events/stripe.
                       "stripe": { "secret_key_file": "/etc/holdfast/stripe-key", "webhook_secret_file": "/etc/holdfast/stripe-webhook-secret", "return_url": "https://backup.example.org/" } },

          // For how many days an account that is being closed can be taken back and restored from, before all of it is deleted; 30 unless set.
          "closing_grace_days": 30,

          // How often the service copies its own databases to its pod, sealed, and how many copies stay; 24 and 14 unless set.
          "self_backup_every_hours": 24,
          "self_backups_kept": 14,

          // Trees of files on this machine, by name, whose growth is kept (once a day), and whose permissions admins may change.
          "trees": { "exports": "/srv/exports" },

          // Commands on this machine, by name, that a maintenance window's plan may run: a program and its arguments.
          "commands": { "vacuum": ["/usr/bin/vacuumdb", "--all"] },

          // A status page that stays up while the service is down: written into a folder whenever something changes (HTML without script, JSON, Atom), for some web server to serve, and
          // brought elsewhere by a command, which gets the folder as its last argument. Language en or de.
          "status": { "folder": "/var/lib/holdfast/status", "name": "Example Backup", "language": "en", "time_zone": "Europe/Berlin", "url": "https://status.example.org/",
                      "upload": ["/usr/local/bin/upload-status"] },

          // Whom people may sign in by, besides (OpenID Connect): a browser goes to /sign-in/NAME. Register /sign-in/callback/NAME there.
          // With makes_people whoever it vouches for may come in; otherwise those who are here already, by their verified address.
          "identity_providers": [
            { "name": "university", "issuer": "https://login.example.edu", "client_id": "backup", "client_secret_file": "/etc/holdfast/university-secret", "makes_people": false,
              "vouches_for_operators": false }
          ],

          // Proxies on other machines that set X-Forwarded-For; those on this one always may. Attempts to sign in are counted by it.
          "proxies": ["192.0.2.10"],

          // Where traces go, by OpenTelemetry's protocol over HTTP. Without it nowhere.
          "traces": "http://127.0.0.1:4318/v1/traces"
        }
        """;

    private static int Check(string root)
    {
        var configuration = ServiceConfiguration.Read(root);
        var sources = configuration.DatabasesOf(root);
        Console.WriteLine(configuration.IsEmbedded ? $"{root}: everything is in this folder, for one process." : $"{Path.Combine(root, ServiceConfiguration.FileName)} is understood.");
        Console.WriteLine($"directory     {DatabaseSource.Describe(sources.Directory)}");
        if (sources.NextDirectory is { } next)
        {
            Console.WriteLine($"              moves to {DatabaseSource.Describe(next)}, or has");
        }

        foreach (var (name, source) in sources.Stores)
        {
            Console.WriteLine($"store {name,-7} {DatabaseSource.Describe(source)}{(name == sources.NewAccounts ? "   (home of new accounts)" : "")}");
        }

        Console.WriteLine($"keys          {configuration.KeysFolderOf(root)}");
        if (configuration.TlsOf(root) is { } tls)
        {
            Console.WriteLine($"tls           {tls.Certificate}, {tls.Key}");
        }

        if (configuration.MailOf(root) is { } mail)
        {
            Console.WriteLine($"mail          {mail.From} by {mail.Host}:{mail.Port} ({mail.Encryption})");
        }

        if (configuration.Billing is { } billing)
        {
            Console.WriteLine($"billing       invoices of {billing.Seller.Name}");
        }

        foreach (var provider in configuration.ProvidersOf(root))
        {
            Console.WriteLine($"sign-in       {provider.Name}: {provider.Issuer}{(File.Exists(provider.ClientSecretFile) ? "" : $" (its client_secret_file {provider.ClientSecretFile} is not there)")}");
        }

        if (configuration.Status is { } status)
        {
            Console.WriteLine($"status page   {Path.GetFullPath(status.Folder, Path.GetFullPath(root))}{(status.Upload is { } upload ? $", brought elsewhere by {upload[0]}" : "")}");
        }

        if (configuration.Traces is { } traces)
        {
            Console.WriteLine($"traces        {traces}");
        }

        return ExitCode.Ok;
    }
}
