using System.CommandLine;
using Holdfast.Cli;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

var output = new Output(args.Contains("--json"), args.Contains("--quiet") || args.Contains("-q"));
try
{
    var parsed = Verbs.Build(output).Parse(args);
    if (parsed.Errors.Count > 0)
    {
        foreach (var error in parsed.Errors)
        {
            await Console.Error.WriteLineAsync($"holdfast: {error.Message}");
        }

        await Console.Error.WriteLineAsync("  `holdfast --help` lists verbs and options.");
        return ExitCode.Usage;
    }

    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = TimeSpan.FromSeconds(10) });
}
catch (HoldfastException exception)
{
    output.Failure(exception.Kind, exception.Message);
    return exception.Kind.ExitCode;
}
catch (OperationCanceledException)
{
    output.Failure(FailureTable.Interrupted, "Interrupted.");
    return ExitCode.Interrupted;
}
catch (PosixException exception)
{
    var kind = exception.IsFull ? FailureTable.LocalDiskFull : FailureTable.LocalState;
    output.Failure(kind, exception.Message);
    return kind.ExitCode;
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
{
    // .NET's own file calls report a full disk as HResult ENOSPC.
    var kind = exception.HResult == (int)Errno.NoSpace ? FailureTable.LocalDiskFull : FailureTable.LocalState;
    output.Failure(kind, exception.Message);
    return kind.ExitCode;
}
