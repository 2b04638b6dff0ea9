using System.Diagnostics;

namespace Holdfast.Moving.Tests;

/// <summary>A mover or a client in a process of its own, which can be killed.</summary>
internal sealed class NodeProcess : IDisposable
{
    private readonly Process _process;

    private NodeProcess(Process process) => _process = process;

    public static NodeProcess Start(params string[] arguments)
    {
        // tests/Holdfast.Moving.Tests/bin/CONFIGURATION/net10.0/ → tests/Holdfast.Moving.Node/bin/CONFIGURATION/net10.0/
        var own = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/'));
        var program = Path.Combine(own.Parent!.Parent!.Parent!.Parent!.FullName, "Holdfast.Moving.Node", "bin", own.Parent.Name, "net10.0", "Holdfast.Moving.Node");
        return new NodeProcess(Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardInput = true, RedirectStandardOutput = true, RedirectStandardError = true })!);
    }

    public void Kill() => _process.Kill();

    public Task<string?> ReadLineAsync(CancellationToken cancellation) => _process.StandardOutput.ReadLineAsync(cancellation).AsTask();

    public Task GoOnAsync() => _process.StandardInput.WriteLineAsync();

    /// <summary>All that it still says, once it has ended.</summary>
    public async Task<string> EndAsync(CancellationToken cancellation)
    {
        var output = _process.StandardOutput.ReadToEndAsync(cancellation);
        var error = _process.StandardError.ReadToEndAsync(cancellation);
        await _process.WaitForExitAsync(cancellation);
        return await output + await error;
    }

    public void Dispose()
    {
        if (!_process.HasExited)
        {
            _process.Kill();
        }

        _process.Dispose();
    }
}
