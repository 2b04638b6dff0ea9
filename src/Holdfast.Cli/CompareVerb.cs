using System.CommandLine;
using Holdfast.Client.Comparing;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class CompareVerb
{
    public static Command Build(Output output)
    {
        var left = new Argument<string>("first") { Description = "A file or directory." };
        var right = new Argument<string>("second") { Description = "Another." };
        var command = new Command("compare", "Compares two trees on this computer: every byte, and all metadata that a restore brings back.\n\nExample:\n  holdfast compare /home/me /tmp/restored/home/me") { left, right };
        command.SetAction((parsed, cancellation) => Task.Run(() =>
        {
            var comparison = TreeComparison.Compare(parsed.GetRequiredValue(left), parsed.GetRequiredValue(right), cancellation);
            foreach (var difference in comparison.Differences)
            {
                output.Print($"{difference.Path}: {difference.Reason}");
                output.Message("difference", ("path", difference.Path), ("message", difference.Reason));
            }

            // Numbers without separators: scripts read this line.
            output.Print(comparison.Differences.Count == 0
                ? FormattableString.Invariant($"{comparison.Files} files, {comparison.Bytes} bytes: identical")
                : FormattableString.Invariant($"{comparison.Files} files, {comparison.Bytes} bytes: {comparison.Differences.Count} differences"));
            output.Message("summary", ("files", comparison.Files), ("bytes", comparison.Bytes), ("differences", comparison.Differences.Count));
            return comparison.Differences.Count == 0 ? ExitCode.Ok : ExitCode.Failed;
        }, cancellation));
        return command;
    }
}
