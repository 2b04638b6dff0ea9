using System.Diagnostics;
using Holdfast.Documents.Letters;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>
/// <c>run</c>: a command of the operator's, by the name that this node's configuration gives it: a plan comes over the network, and must not be able to say what is executed. A command that ends by something else than zero, or
/// does not end within <c>timeout</c>, holds the window up; one that its node was killed at is run again, so that it must be of a kind that may be. It is waited for under the job's lease, and ended if that is lost; it begins only once it is written down where it runs, so that a node that was killed leaves
/// none behind that nobody knows of.
/// </summary>
internal sealed class RunStep(IReadOnlyDictionary<string, IReadOnlyList<string>> commands, TimeProvider time) : IWindowStep
{
    public const string StepKind = "run";

    private const int OutputMax = 2000;

    /// <summary>Begins by a line on its input; if there is none, whoever started it was killed, and nothing is done.</summary>
    private static readonly string[] _waiting = ["-c", "read -r go && [ \"$go\" = go ] && exec \"$@\" </dev/null", "sh"];

    private static readonly TimeSpan _timeoutDefault = TimeSpan.FromHours(1);
    private static readonly TimeSpan _ticks = TimeSpan.FromMilliseconds(50);
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _outputWait = TimeSpan.FromSeconds(2);

    public string Kind => StepKind;

    public string Work => StepKind;

    public IReadOnlyCollection<string> Settings => ["command", "timeout", PlanStep.Expected, PlanStep.Again];

    public string Unit => "runs";

    public bool ChangesData => true;

    public Task CheckAsync(PlanStep step, CancellationToken cancellation)
    {
        step.FindTime("timeout");
        step.FindTime(PlanStep.Expected);
        if (step.Find(PlanStep.Again) is not (null or "true" or "false"))
        {
            throw new WindowPlanException($"`{PlanStep.Again}` of the step `{step.Name}` is true or false.");
        }

        var name = step.Require("command");
        return commands.ContainsKey(name) ? Task.CompletedTask
            : throw new WindowPlanException($"No command is registered as `{name}`: name it under \"commands\" in the configuration of the node that runs it (`holdfastd config explain`), and start that node again.");
    }

    public StepHistory HistoryOf(PlanStep step, KnownWork known)
    {
        var command = step.Require("command");
        var runs = known.Runs(Work, subject => subject == command);
        return new StepHistory(step.Name, [], runs, runs.Count == 0 && step.FindTime(PlanStep.Expected) is { } expected ? [new Probe(1, expected.TotalSeconds)] : []) { Volume = 1 };
    }

    public (TimeSpan Longer, string Then)? FindLimit(PlanStep step) => (step.FindTime("timeout") ?? _timeoutDefault) is var timeout ? (timeout, $"it is ended after its `timeout` of {timeout:c}, and the window waits for somebody") : null;

    public async Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation)
    {
        var (name, timeout) = (run.Step.Require("command"), run.Step.FindTime("timeout") ?? _timeoutDefault);
        if (run.Row.Reference is { } mark)
        {
            if (!ProcessMark.IsHere(mark) && run.Step.Find(PlanStep.Again) != "true")
            {
                return StepOutlook.Failed($"Where {name} ran ({mark}) the node was stopped, and nobody knows whether it still runs: look there, then `resume` to run it here, or `resume --skip`. (With `again: true` in its plan it is run elsewhere at once.)");
            }

            // How it ended nobody will know: it is run again, but never beside itself, and only if it is still wanted.
            if (ProcessMark.IsAlive(mark))
            {
                return await EndsAsync(() => !ProcessMark.IsAlive(mark), () => ProcessMark.TryKill(mark), run, timeout, cancellation) switch
                {
                    null => StepOutlook.Failed($"{name} ({mark}) runs for longer than {timeout}, and cannot be ended: end it there."),
                    _ => new StepOutlook(false, null, "what a node that was killed left has ended"),
                };
            }
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
            try
            {
                await process.StandardInput.WriteLineAsync("go".AsMemory(), cancellation);
                process.StandardInput.Close();
            }
            catch (IOException)
            {
                // It was ended from outside: its exit code says so.
            }

            if (await EndsAsync(() => process.HasExited, () => ProcessMark.TryKill(process), run, timeout, cancellation) is not true and var ended)
            {
                return StepOutlook.Failed(ended is null ? $"{name} did not end within {timeout}, and cannot be ended: end process {process.Id} there." : $"{name} did not end within {timeout}, or was not wanted any more: it was killed.");
            }

            // What it left behind may hold its output open for ever.
            await Task.WhenAny(output, Task.Delay(_outputWait, time, cancellation));
            var said = output.IsCompletedSuccessfully ? await output : "";
            return process.ExitCode == 0 ? StepOutlook.Over(said) : StepOutlook.Failed($"{name} ended with {process.ExitCode}: {said}");
        }
        finally
        {
            // Somebody else has the window, or the node stops: whoever goes on must not meet it.
            ProcessMark.TryKill(process);
        }
    }

    public Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        if (run.Row.Reference is { } mark)
        {
            ProcessMark.TryKill(mark);
        }

        return Task.FromResult<StepOutlook?>(null);
    }

    /// <summary>Waits until it ends. False if it was killed, being late or not wanted any more; null if that cannot be done.</summary>
    private async Task<bool?> EndsAsync(Func<bool> hasEnded, Func<bool> tryKill, StepRun run, TimeSpan timeout, CancellationToken cancellation)
    {
        var began = time.GetTimestamp();
        var (isWanted, looked) = (true, time.GetTimestamp());
        while (!hasEnded())
        {
            if (!isWanted || time.GetElapsedTime(began) >= timeout)
            {
                return tryKill() ? false : null;
            }

            await Task.Delay(_ticks, time, cancellation);
            if (time.GetElapsedTime(looked) >= _looksEvery)
            {
                looked = time.GetTimestamp();
                isWanted = await IsWantedAsync(run, cancellation);
            }
        }

        return true;
    }

    /// <summary>A directory that does not answer ends no command: perhaps it is what the command works on. A lease that is lost does.</summary>
    private static async Task<bool> IsWantedAsync(StepRun run, CancellationToken cancellation)
    {
        try
        {
            return await run.LookAsync(cancellation);
        }
        catch (HoldfastException)
        {
            return true;
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
