using System.Collections.Concurrent;
using System.Diagnostics;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>
/// <c>run</c>: a command of the operator's, by the name that this node's configuration gives it: a plan comes over the network, and must not be able to say what is executed. A command that ends by something else than zero, or
/// does not end within <c>timeout</c>, holds the window up. After a kill of the node it is run again once what is left of it has ended.
/// </summary>
internal sealed class RunStep(IReadOnlyDictionary<string, IReadOnlyList<string>> commands, TimeProvider time) : IWindowStep
{
    /// <summary>What actuals call it.</summary>
    public const string Work = "run";

    private const int OutputMax = 2000;
    private static readonly TimeSpan _timeoutDefault = TimeSpan.FromHours(1);

    private readonly ConcurrentDictionary<string, (Process Process, Task<string> Output, long Began)> _running = new();

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
        var key = $"{run.Window.Id} {run.Row.Position}";
        if (!_running.TryGetValue(key, out var running))
        {
            if (run.Row.Reference is { } left && ProcessMark.IsAlive(left))
            {
                return new StepOutlook(false, null, "what this node began before it was killed has not ended", left);
            }

            if (!commands.TryGetValue(run.Step.Require("command"), out var command))
            {
                return new StepOutlook(false, null, $"waits for a node that has the command {run.Step.Require("command")}");
            }

            var start = new ProcessStartInfo(command[0], command.Skip(1)) { RedirectStandardOutput = true, RedirectStandardError = true, RedirectStandardInput = true };
            Process process;
            try
            {
                process = Process.Start(start)!;
            }
            catch (System.ComponentModel.Win32Exception exception)
            {
                return StepOutlook.Failed($"{command[0]} cannot be run: {exception.Message}");
            }

            process.StandardInput.Close();
            _running[key] = running = (process, ReadAsync(process), time.GetTimestamp());
            return new StepOutlook(false, null, "runs", ProcessMark.Of(process));
        }

        if (!running.Process.HasExited)
        {
            var timeout = run.Step.FindTime("timeout") ?? _timeoutDefault;
            if (time.GetElapsedTime(running.Began) < timeout)
            {
                return new StepOutlook(false, null, "runs", run.Row.Reference);
            }

            running.Process.Kill(entireProcessTree: true);
            Forget(key, running.Process);
            return StepOutlook.Failed($"{run.Step.Require("command")} did not end within {timeout}, and was killed.");
        }

        // What it left behind may hold its output open for ever.
        await Task.WhenAny(running.Output, Task.Delay(TimeSpan.FromSeconds(2), time, cancellation));
        var (code, output) = (running.Process.ExitCode, running.Output.IsCompletedSuccessfully ? await running.Output : "");
        Forget(key, running.Process);
        return code == 0 ? StepOutlook.Over(output) : StepOutlook.Failed($"{run.Step.Require("command")} ended with {code}: {output}");
    }

    public async Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation)
    {
        var key = $"{run.Window.Id} {run.Row.Position}";
        if (_running.TryGetValue(key, out var running) && !running.Process.HasExited)
        {
            running.Process.Kill(entireProcessTree: true);
            await running.Process.WaitForExitAsync(cancellation);
            Forget(key, running.Process);
        }

        return null;
    }

    private void Forget(string key, Process process)
    {
        _running.TryRemove(key, out _);
        process.Dispose();
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
        return Holdfast.Documents.Letters.Letter.OnOneLine(string.Join(' ', both.Where(text => text.Length > 0)).Trim());
    }
}
