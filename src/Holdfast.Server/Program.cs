using Holdfast.Protocol.Failures;
using Holdfast.Server;

// Reads wait for drives on threads of the pool: with one for each processor a scrub would hold up everybody.
ThreadPool.SetMinThreads(32, 32);
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
