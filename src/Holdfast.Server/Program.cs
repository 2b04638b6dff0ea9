using Holdfast.Protocol.Failures;
using Holdfast.Server;

try
{
    return await Commands.Build().Parse(args).InvokeAsync(new System.CommandLine.InvocationConfiguration
    {
        EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = Service.DrainTimeout + TimeSpan.FromSeconds(5),
    });
}
catch (HoldfastException exception)
{
    await Console.Error.WriteLineAsync($"holdfastd: {exception.Message}\n  {exception.Kind.Guidance}");
    return exception.Kind.ExitCode;
}
catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or InvalidOperationException)
{
    await Console.Error.WriteLineAsync($"holdfastd: {exception.Message}");
    return ExitCode.Failed;
}
