using System.CommandLine;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class VersionVerb
{
    public static Command Build(Output output)
    {
        var command = new Command("version", "Prints the versions of the program and of the format.");
        command.SetAction(_ =>
        {
            output.Print($"holdfast {Session.Version}, format {ObjectHeader.CurrentVersion}, suite {ObjectHeader.CurrentSuite}");
            output.Message("version", ("version", Session.Version), ("format", ObjectHeader.CurrentVersion), ("suite", ObjectHeader.CurrentSuite));
            return ExitCode.Ok;
        });
        return command;
    }
}
