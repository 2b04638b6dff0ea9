using System.Diagnostics;
using Holdfast.Documents.Letters;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>
/// <c>run</c>: a command of the operator's, by the name that this node's configuration gives it: a plan comes over the network, and must not be able to say what is executed. A command that ends by something else than zero, or
/// does not end within <c>timeout</c>, holds the window up; one that its node was killed at is run again, so that it must be of a kind that may be. It is waited for under the job's lease, and ended if that is lost; it begins only once it is written down where it runs, so that a node that was killed leaves
/// none behind that nobody knows of.
/// </summary>
internal sealed class RunStep(IReadOnlyDictionary<string, IReadOnlyList<string>> commands, TimeProvider time) : IWindowStep
{
    /// <summary>What actuals call it.</summary>
    public const string Work = "run";

    private const int OutputMax = 2000;

    /// <summary>Begins by a line on its input; if there is none, whoever started it was killed, and nothing is done.</summary>
    private static readonly string[] _waiting = ["-c", "read -r go && [ \"$go\" = go ] && exec \"$@\" </dev/null", "sh"];

    private static readonly TimeSpan _timeoutDefault = TimeSpan.FromHours(1);
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _outputWait = TimeSpan.FromSeconds(2);

    public string Kind => "run";

    public IReadOnlyCollection<string> Settings => ["command", "timeout"];

    public string Unit => "runs";

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindTime("timeout");
        var name = step.Require("command");
        return commands.ContainsKey(name) ? Task.CompletedTask
            : throw new WindowPlanException($"No command is registered as `{name}`: name it under \"commands\" in the configuration of the node that runs it (`holdfastd config explain`), and start that node again.");
    }

    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var command = step.Require("command");
        return new StepHistory(step.Name, [], known.Runs(Work, subject => subject == command), []) { Volume = 1 };
    }

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var (name, timeout) = (run.Step.Require("command"), run.Step.FindTime("timeout") ?? _timeoutDefault);
        if (run.Row.Reference is { } mark)
        {
            if (!ProcessMark.IsHere(mark))
            {
                return StepOutlook.Failed($"Where {name} ran ({mark}) the node was stopped, and nobody knows whether it still runs: look there, then `resume` to run it here, or `resume --skip`.");
            }

            // How it ended nobody will know: it is run again, but never beside itself.
            await WaitForLeftAsync(run, timeout, mark, cancellation);
        }

        if (!commands.TryGetValue(name, out var command))
        {
            return new StepOutlook(false, null, $"waits for a node that has the command {name}");
        }

        using var process = new Process { StartInfo = new ProcessStartInfo("/bin/sh", [.. _waiting, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true } };
        process.Start();
        try
        {
            var output = ReadAsync(process);
            await run.KeepReferenceAsync(ProcessMark.Of(process), cancellation);
            await process.StandardInput.WriteLineAsync("go".AsMemory(), cancellation);
            process.StandardInput.Close();
            if (!await EndsAsync(process, run, timeout, cancellation))
            {
                return StepOutlook.Failed($"{name} did not end within {timeout}, or the window was given up: it was killed.");
            }

            // What it left behind may hold its output open for ever.
            await Task.WhenAny(output, Task.Delay(_outputWait, time, cancellation));
            var said = output.IsCompletedSuccessfully ? await output : "";
            return process.ExitCode == 0 ? StepOutlook.Over(said) : StepOutlook.Failed($"{name} ended with {process.ExitCode}: {said}");
        }
        finally
        {
            // Somebody else has the window, or the node stops: whoever goes on must not meet it.
            if (!process.HasExited)
            {
                process.Kill(entireProcessTree: true);
            }
        }
    }

    public Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        if (run.Row is { State: StepStates.Running, Reference: { } mark } && ProcessMark.IsAlive(mark))
        {
            ProcessMark.Kill(mark);
        }

        return Task.FromResult<StepOutlook?>(null);
    }

    /// <summary>Waits until it ends; false if it had to be killed.</summary>
    private async Task<bool> EndsAsync(Process process, StepRun run, TimeSpan timeout, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        while (!process.HasExited)
        {
            await Task.WhenAny(process.WaitForExitAsync(cancellation), Task.Delay(_looksEvery, time, cancellation));
            cancellation.ThrowIfCancellationRequested();
            if (!process.HasExited && (time.GetElapsedTime(began) >= timeout || await run.LookAsync(cancellation) == WindowStates.Aborting))
            {
                process.Kill(entireProcessTree: true);
                await process.WaitForExitAsync(cancellation);
                return false;
            }
        }

        return true;
    }

    /// <summary>Waits for what this machine's node began before it was killed, for as long as that may take.</summary>
    private async Task WaitForLeftAsync(StepRun run, TimeSpan timeout, string mark, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        while (ProcessMark.IsAlive(mark))
        {
            await Task.Delay(_looksEvery, time, cancellation);
            if (time.GetElapsedTime(began) >= timeout || await run.LookAsync(cancellation) == WindowStates.Aborting)
            {
                ProcessMark.Kill(mark);
            }
        }
    }

    /// <summary>The end of what it says; the rest is read, so that it does not wait, and thrown away.</summary>
    private static async Task<string> ReadAsync(Process process)
    {
        async Task<string> EndOfAsync(StreamReader reader)
        {
            var (buffer, end) = (new char[4096], "");
            while (await reader.ReadAsync(buffer) is > 0 and var length)
            {
                end += new string(buffer, 0, length);
                end = end.Length > OutputMax ? end[^OutputMax..] : end;
            }

            return end;
        }

        var both = await Task.WhenAll(EndOfAsync(process.StandardOutput), EndOfAsync(process.StandardError));
        return Letter.OnOneLine(string.Join(' ', both.Where(text => text.Length > 0)).Trim());
    }
}
