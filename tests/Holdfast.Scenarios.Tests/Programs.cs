using System.Diagnostics;

namespace Holdfast.Scenarios.Tests;

/// <summary>What a process said and how it ended.</summary>
internal sealed record Ended(int ExitCode, string Output, string Error)
{
    public string LastLine => Output.TrimEnd().Split('\n')[^1];
}

/// <summary>The real programs, as they were built beside these tests.</summary>
internal static class Programs
{
    /// <summary>The repository: tests/X/bin/CONFIGURATION/net10.0/ lies five folders below it.</summary>
    public static string Root { get; } = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Parent!.Parent!.Parent!.Parent!.FullName;

    public static string Holdfast { get; } = Find("Holdfast.Cli", "holdfast");

    public static string Holdfastd { get; } = Find("Holdfast.Server", "holdfastd");

    public static ProcessStartInfo Start(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        foreach (var (name, value) in environment)
        {
            start.Environment[name] = value;
        }

        return start;
    }

    public static async Task<Ended> RunAsync(string program, IEnumerable<string> arguments, IReadOnlyDictionary<string, string> environment, CancellationToken cancellation)
    {
        using var process = Process.Start(Start(program, arguments, environment))!;
        process.StandardInput.Close();
        var output = process.StandardOutput.ReadToEndAsync(cancellation);
        var error = process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        return new Ended(process.ExitCode, await output, await error);
    }

    private static string Find(string project, string program)
    {
        var configuration = new DirectoryInfo(AppContext.BaseDirectory).Parent!.Name;
        return Path.Combine(Root, "src", project, "bin", configuration, "net10.0", program);
    }
}
