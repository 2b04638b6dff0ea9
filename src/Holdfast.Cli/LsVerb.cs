using System.CommandLine;
using System.Globalization;
using System.Text;
using Holdfast.Client;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class LsVerb
{
    public static Command Build(Output output)
    {
        var snapshot = new Argument<string>("snapshot") { Description = "A snapshot's id, its first digits, or latest." };
        var path = new Argument<string?>("path") { Description = "A path in it.", Arity = ArgumentArity.ZeroOrOne };
        var command = new Command("ls", "Lists what a snapshot holds.\n\nExample:\n  holdfast ls latest /home/me") { snapshot, path };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var opened = await account.FindSnapshotAsync(parsed.GetRequiredValue(snapshot), cancellation);
            await foreach (var (directory, entry) in new SnapshotListing(account).EntriesAsync(opened, parsed.GetValue(path), cancellation))
            {
                Print(output, [.. directory, (byte)'/', .. entry.Name], entry, Convert.ToHexStringLower(opened.Head.Id));
            }

            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>One entry as `ls -l` shows it, or as a JSON line.</summary>
    public static void Print(Output output, byte[] path, TreeEntry entry, string snapshot)
    {
        var time = DateTimeOffset.FromUnixTimeSeconds(Math.Clamp(entry.ModifiedSeconds, -62135596800, 253402300799));
        var (text, exact) = Paths.Show(path);
        output.Print($"{Kind(entry.Type)}{Convert.ToString(entry.Mode, 8).PadLeft(4, '0')} {entry.Owner,6} {entry.Group,6} {entry.Size,12} {time.ToLocalTime():yyyy-MM-dd HH:mm:ss} {text}"
            + (entry.LinkTarget is { } target ? $" -> {Encoding.UTF8.GetString(target)}" : ""));
        if (output.IsJson)
        {
            output.Message("node", ("path", text), ("path_b64", exact), ("type", entry.Type.ToString().ToLowerInvariant()), ("mode", Convert.ToString(entry.Mode, 8)),
                ("uid", entry.Owner), ("gid", entry.Group), ("size", entry.Size), ("mtime", time.ToString("O", CultureInfo.InvariantCulture)), ("mtime_nanoseconds", entry.ModifiedNanoseconds), ("snapshot_id", snapshot));
        }
    }

    private static char Kind(EntryType type) => type switch
    {
        EntryType.File => '-',
        EntryType.Directory => 'd',
        EntryType.SymbolicLink => 'l',
        EntryType.Fifo => 'p',
        EntryType.Socket => 's',
        EntryType.CharacterDevice => 'c',
        _ => 'b',
    };
}
