using System.CommandLine;
using System.Globalization;
using System.Net.Http.Json;
using System.Text.Json;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The operator's verbs for the pod's drives: most ask the running service; which drives it has can also be changed while it does not run.</summary>
internal static class PodCommands
{
    public static Command Build(Option<string> data)
    {
        var command = new Command("pod", """
            The pod's drives.

            Examples:
              holdfastd pod create --drive /mnt/d0 --drive /mnt/d1 --drive /mnt/d2    # before the first run
              holdfastd pod status
              holdfastd pod scrub
              holdfastd pod verify
              holdfastd pod replace-drive 1 /mnt/new
            """);
        command.Subcommands.Add(Create(data));
        command.Subcommands.Add(Status(data));
        command.Subcommands.Add(Scrub(data));
        command.Subcommands.Add(VerifyCommand.Build(data));
        command.Subcommands.Add(Rebuild(data));
        command.Subcommands.Add(ReplaceDrive(data));
        command.Subcommands.Add(Floor(data));
        command.Subcommands.Add(JoinCommand.Build(data));
        command.Subcommands.Add(Dump());
        return command;
    }

    private static Command Create(Option<string> data)
    {
        var drives = new Option<string[]>("--drive") { Description = "An empty directory on a disk of its own; give it once for each drive, 1 to 20.", Required = true, AllowMultipleArgumentsPerToken = true };
        var command = new Command("create", "Makes empty directories the drives of a new pod, before the service first runs.") { drives, data };
        command.SetAction(parsed =>
        {
            using var folder = DataFolder.Open(parsed.GetRequiredValue(data), Roles.PodAlone);
            if (folder.TryReadDrives() is { } existing)
            {
                throw new HoldfastException(FailureTable.Conflict, $"{folder.Root} has a pod of {existing.Drives.Count} drives already.");
            }

            var made = DriveSetConfiguration.Create(parsed.GetRequiredValue(drives));
            folder.WriteDrives(made);
            Console.WriteLine($"A pod of {made.Drives.Count} drives: {ShardCode.For(made.Drives.Count)}.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Status(Option<string> data)
    {
        var json = new Option<bool>("--json") { Description = "One JSON object." };
        var command = new Command("status", "Says which drives are up, what may be lost, and how far rebuilding and scrubbing are. Exit code 3 if anything is not as it should be.") { json, data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var status = await OperatorCommands.SendToPodAsync(parsed.GetRequiredValue(data), HttpMethod.Get, "/pod/v1/status", null,
                StatusJson.Default.PodStatus, cancellation);
            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(status, StatusJson.Default.PodStatus));
            }
            else
            {
                Print(status);
                await VerifyCommand.PrintSummaryAsync(parsed.GetRequiredValue(data), cancellation);
            }

            return status.Drives.All(drive => drive.State == nameof(DriveState.Up)) && status.Rebuild.ShardsMissing == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        return command;
    }

    private static Command Scrub(Option<string> data)
    {
        var command = new Command("scrub", "Reads everything on all drives now, repairs what is damaged, and rebuilds what is missing. Exit code 3 if anything was.") { data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var result = await OperatorCommands.SendToPodAsync(parsed.GetRequiredValue(data), HttpMethod.Post, "/pod/v1/scrub", null,
                StatusJson.Default.ScrubResult, cancellation);
            Console.WriteLine(result.RecordsBad == 0 ? "Everything is whole." : $"{result.RecordsBad} damaged; `holdfastd pod status` says what became of them.");
            return result.RecordsBad == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        return command;
    }

    private static Command Rebuild(Option<string> data)
    {
        var command = new Command("rebuild", "Rebuilds now what drives miss, instead of in the background.") { data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var result = await OperatorCommands.SendToPodAsync(parsed.GetRequiredValue(data), HttpMethod.Post, "/pod/v1/rebuild", null,
                StatusJson.Default.RebuildResult, cancellation);
            Console.WriteLine($"{result.ExtentsMade} extents were made.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command ReplaceDrive(Option<string> data)
    {
        var slot = new Argument<int>("slot") { Description = "The drive's number, as `pod status` shows it." };
        var path = new Argument<string>("path") { Description = "An empty directory on the new disk." };
        var command = new Command("replace-drive", "Puts an empty drive into the place of a lost one, while the service runs or while it does not; what it should hold is rebuilt in the background.") { slot, path, data };
        command.SetAction(async (parsed, cancellation) =>
        {
            var (number, to) = (parsed.GetRequiredValue(slot), Path.GetFullPath(parsed.GetRequiredValue(path)));
            var isRunning = !TryReplaceDrive(parsed.GetRequiredValue(data), number, to);
            if (isRunning)
            {
                await OperatorCommands.SendToPodAsync(parsed.GetRequiredValue(data), HttpMethod.Put, $"/pod/v1/drives/{number}",
                    JsonContent.Create(new DriveReplacement(to), StatusJson.Default.DriveReplacement), StatusJson.Default.PodStatus, cancellation);
            }

            Console.WriteLine($"Drive {number} is {to} now. {(isRunning ? "What" : "Start the service: what")} it should hold is computed from the other drives{(isRunning ? "; `holdfastd pod status` says how far that is" : "")}.");
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>Changes the list of drives in the folder; false if a service uses it, or the pod is elsewhere.</summary>
    private static bool TryReplaceDrive(string root, int slot, string path)
    {
        if (DataFolder.TryReadLink(root) is not null)
        {
            return false;
        }

        try
        {
            using var folder = DataFolder.Open(root, Roles.PodAlone);
            var drives = folder.TryReadDrives() ?? throw new HoldfastException(FailureTable.NotFound, $"{folder.Root} has no pod yet.");
            folder.WriteDrives(drives.Replace(slot, path));
            return true;
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.AlreadyRunning)
        {
            return false;
        }
    }

    private static Command Floor(Option<string> data)
    {
        var drives = new Argument<string>("drives") { Description = "How many drives must have a write before it is acknowledged, or `normal`." };
        var command = new Command("floor", "Declares a degraded state: writes go on with fewer drives than usual. It is recorded in pod.json until `normal` ends it.") { drives, data };
        command.SetAction(parsed =>
        {
            using var folder = DataFolder.Open(parsed.GetRequiredValue(data), Roles.PodAlone);
            var listed = folder.TryReadDrives() ?? throw new HoldfastException(FailureTable.NotFound, $"{folder.Root} has no pod yet.");
            var code = ShardCode.For(listed.Drives.Count);
            var text = parsed.GetRequiredValue(drives);
            int? floor = text == "normal" ? null : int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number >= code.Data && number <= code.Drives
                ? number : throw new HoldfastException(FailureTable.InvalidRequest, $"A floor is {code.Data} to {code.Drives} drives, or `normal` ({code.WriteFloor}).");
            folder.WriteDrives(listed with { WriteFloor = floor });
            Console.WriteLine($"Writes are acknowledged by {floor ?? code.WriteFloor} of {code.Drives} drives from the next start on{(floor < code.DegradedFloor ? "; one drive more that is lost loses them" : "")}.");
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Dump()
    {
        var file = new Argument<string>("file") { Description = "An extent: a file below ext/ on a drive." };
        var command = new Command("dump", "Shows what an extent holds, from its bytes alone.") { file };
        command.SetAction(parsed =>
        {
            foreach (var line in ExtentDump.Lines(parsed.GetRequiredValue(file)))
            {
                Console.WriteLine(line);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    private static void Print(PodStatus status)
    {
        Console.WriteLine($"Pod {status.Set}: {status.Code}; a write needs {status.WriteFloor} drives.");
        Console.WriteLine($"{status.Objects:n0} objects, {status.Bytes:n0} bytes, in {status.Volumes} volumes.");
        foreach (var drive in status.Drives)
        {
            Console.WriteLine($"  drive {drive.Slot,2}  {drive.State,-8}  {drive.Path}{(drive.Reason is null ? "" : $"  ({drive.Reason})")}");
        }

        Console.WriteLine(status.Rebuild.ShardsMissing == 0
            ? "Nothing is to be rebuilt."
            : $"{status.Rebuild.ShardsMissing} extents are to be rebuilt: {status.Rebuild.BytesDone:n0} bytes done, {status.Rebuild.BytesLeft:n0} left{(status.Rebuild.Eta is { } eta ? $", until about {eta.ToLocalTime():yyyy-MM-dd HH:mm}" : "")}.");
        Console.WriteLine($"Scrub: {status.Scrub.VolumesDone} of {status.Scrub.Volumes} volumes of this pass; the last whole pass {(status.Scrub.LastWholePass is { } last ? $"ended {last.ToLocalTime():yyyy-MM-dd HH:mm}" : "has not ended yet")}.");
        foreach (var happened in status.Events.TakeLast(10))
        {
            Console.WriteLine($"  {happened.At.ToLocalTime():yyyy-MM-dd HH:mm:ss}  {happened.Kind}: {happened.Message}");
        }
    }
}
