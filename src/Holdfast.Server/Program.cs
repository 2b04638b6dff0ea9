using Holdfast.Protocol.Failures;
using Holdfast.Server;

try
{
    return await Commands.Build().Parse(args).InvokeAsync(new System.CommandLine.InvocationConfiguration { EnableDefaultExceptionHandler = false });
}
catch (HoldfastException exception)
{
    await Console.Error.WriteLineAsync($"holdfastd: {exception.Message}\n  {exception.Kind.Guidance}");
    return exception.Kind.ExitCode;
}
catch (IOException exception)
{
    await Console.Error.WriteLineAsync($"holdfastd: {exception.Message}");
    return ExitCode.Failed;
}
