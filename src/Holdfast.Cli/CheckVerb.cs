using System.CommandLine;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class CheckVerb
{
    public static Command Build(Output output)
    {
        var readData = Flags.Switch("--read-data", "Also reads, opens and names again every stored byte that a snapshot needs.");
        var command = new Command("check", "Proves that what is stored can be restored.") { readData };
        command.SetAction(async (parsed, cancellation) =>
        {
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var check = new Check(account);
            await using (ProgressLine.Start(output, elapsed => $"{Units.Time(elapsed)}  {check.Snapshots} snapshots  {Units.Bytes(check.BytesRead)} read  {check.Damages.Count} damages", TimeProvider.System))
            {
                await check.RunAsync(parsed.GetValue(readData), cancellation);
            }

            foreach (var damage in check.Damages)
            {
                output.Print($"{damage.Where}: {damage.What}");
                output.Message("damage", ("where", damage.Where), ("what", damage.What));
            }

            output.Say(check.Damages.Count == 0
                ? $"{check.Snapshots} snapshots are whole{(parsed.GetValue(readData) ? $"; {Units.Bytes(check.BytesRead)} and {Units.Count(check.Blobs)} blobs were read and proved" : "; --read-data reads every byte too")}."
                : $"{check.Damages.Count} damages. Restore what you need from snapshots that are whole, tell your operator, and back up again: what is missing is sent again.");
            output.Message("summary", ("snapshots", check.Snapshots), ("bytes_read", check.BytesRead), ("blobs", check.Blobs), ("damages", check.Damages.Count));
            return check.Damages.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
        });
        return command;
    }
}
