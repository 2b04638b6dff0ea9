using System.CommandLine;
using Holdfast.Cli.Admin;

namespace Holdfast.Cli;

/// <summary>The root of the command line; one file a verb.</summary>
internal static class Verbs
{
    public static RootCommand Build(Output output)
    {
        var root = new RootCommand("""
            Holdfast: encrypted, deduplicated backups to a service that cannot read them.

            Examples:
              holdfast enrol https://backup.example.org CODE
              holdfast backup /home --exclude-caches
              holdfast snapshots
              holdfast restore latest --target /tmp/restored --include /home/me/letter.txt

            Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 some files could not be read or restored, 10 not enrolled or not found,
            11 busy, 12 wrong passphrase, 75 not admitted now, 130 interrupted.
            """);
        root.Options.Add(Flags.Json);
        root.Options.Add(Flags.Quiet);
        root.Subcommands.Add(EnrolVerb.Build(output));
        root.Subcommands.Add(AttachVerb.Build(output));
        root.Subcommands.Add(BackupVerb.Build(output));
        root.Subcommands.Add(SnapshotsVerb.Build(output));
        root.Subcommands.Add(LsVerb.Build(output));
        root.Subcommands.Add(FindVerb.Build(output));
        root.Subcommands.Add(RestoreVerb.Build(output));
        root.Subcommands.Add(ExportVerb.Build(output));
        root.Subcommands.Add(CheckVerb.Build(output));
        root.Subcommands.Add(DrillVerb.Build(output));
        root.Subcommands.Add(KeyVerb.Build(output));
        root.Subcommands.Add(ComputerVerb.Build(output));
        root.Subcommands.Add(CompareVerb.Build(output));
        root.Subcommands.Add(PermissionsVerb.Build(output));
        root.Subcommands.Add(StatusVerb.Build(output));
        root.Subcommands.Add(AdminVerb.Build(output));
        root.Subcommands.Add(VersionVerb.Build(output));
        return root;
    }
}
