using System.Diagnostics;

namespace Holdfast.Permissions.Tests;

/// <summary>What a process said and how it ended.</summary>
internal sealed record Ended(int ExitCode, string Output, string Error)
{
    public string All => $"{Output}\n{Error}";
}

/// <summary>Other programs: the peers that say what is right, and our own.</summary>
internal static class Shell
{
    /// <summary>Tests are at tests/X/bin/CONFIGURATION/net10.0/.</summary>
    private static readonly DirectoryInfo _here = new(AppContext.BaseDirectory);

    public static string Holdfast { get; } = Path.Combine(_here.Parent!.Parent!.Parent!.Parent!.Parent!.FullName, "src", "Holdfast.Cli", "bin", _here.Parent!.Name, "net10.0", "holdfast");

    public static Process Start(string program, IEnumerable<string> arguments, string state)
    {
        var start = new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
        start.Environment["HOLDFAST_STATE_DIR"] = state;
        return Process.Start(start)!;
    }

    public static async Task<Ended> EndAsync(Process process, CancellationToken cancellation)
    {
        using (process)
        {
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(cancellation);
            var error = process.StandardError.ReadToEndAsync(cancellation);
            await process.WaitForExitAsync(cancellation);
            return new Ended(process.ExitCode, await output, await error);
        }
    }

    public static Task<Ended> RunAsync(string program, IEnumerable<string> arguments, string state, CancellationToken cancellation) =>
        EndAsync(Start(program, arguments, state), cancellation);

    /// <summary>Runs a script, which must succeed.</summary>
    public static async Task<string> ShAsync(string script, CancellationToken cancellation)
    {
        var ended = await RunAsync("/bin/bash", ["-euc", script], "/nonexistent", cancellation);
        Assert.True(ended.ExitCode == 0, $"{script}\n{ended.All}");
        return ended.Output;
    }

    public static Process StartPython(string folder, string code)
    {
        var start = new ProcessStartInfo("python3", ["-c", code]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true, WorkingDirectory = folder };
        return Process.Start(start)!;
    }

    public static async Task PythonAsync(string folder, string code, CancellationToken cancellation)
    {
        var ended = await EndAsync(StartPython(folder, code), cancellation);
        Assert.True(ended.ExitCode == 0, ended.All);
    }
}
