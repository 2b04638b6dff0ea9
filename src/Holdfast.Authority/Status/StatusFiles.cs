using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Text.Json;
using Holdfast.Authority.Notifying;
using Holdfast.Documents;
using Holdfast.Documents.Status;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Status;

/// <summary>
/// Writes the status page into a folder whenever something changes, and every few minutes so that everybody sees that it is looked after; then has it brought elsewhere, if there is a command for that. While the directory does
/// not answer, the page says that it is not known how the service is. Each node that has a folder for it writes.
/// </summary>
internal sealed partial class StatusFiles(StatusSettings settings, StatusReader reader, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan _writesEvery = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _readPatience = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _uploadPatience = TimeSpan.FromMinutes(2);

    private static readonly TimeSpan _uploadsAgain = TimeSpan.FromMinutes(1);

    /// <summary>What was known stays for so long while nothing can be read.</summary>
    private static readonly TimeSpan _believed = TimeSpan.FromMinutes(1);

    private readonly CancellationTokenSource _stop = new();
    private Task _loop = Task.CompletedTask;
    private ServiceStatus? _known;
    private long _knownAt;
    private string? _written;
    private long _writtenAt;
    private Task _uploading = Task.CompletedTask;
    private volatile bool _isUploaded = true;

    /// <summary>When an upload failed last; 0 if it did not.</summary>
    private long _uploadFailedAt;

    public void Start() => _loop = Task.Run(LoopAsync, CancellationToken.None);

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        await _uploading;
    }

    private async Task LoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await LookAsync(_stop.Token);
                await Task.Delay(_looksEvery, time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
        }
    }

    private async Task LookAsync(CancellationToken cancellation)
    {
        try
        {
            if (await ReadAsync(cancellation) is { } status)
            {
                // When it was measured alone is no change.
                var content = JsonSerializer.Serialize(status with { MeasuredAt = 0 }, MessageJson.Default.ServiceStatus);
                if (content != _written || time.GetElapsedTime(_writtenAt) > _writesEvery)
                {
                    await WriteAsync(status, cancellation);
                    (_written, _writtenAt, _isUploaded) = (content, time.GetTimestamp(), false);
                }

                Upload();
            }
        }
#pragma warning disable CA1031 // The edge of a background loop: the log says it, and the loop goes on.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogNotWritten(exception, settings.Folder);
        }
    }

    /// <summary>How the service is; if that cannot be read for long, that it is not known.</summary>
    private async Task<ServiceStatus?> ReadAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_readPatience);
        try
        {
            (_known, _knownAt) = (await reader.StatusAsync(limit.Token), time.GetTimestamp());
            return _known;
        }
#pragma warning disable CA1031 // Whatever the database says: the log has it, and so does the page.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogNotRead(exception);
            return _known is null || time.GetElapsedTime(_knownAt) < _believed ? null : _known with { Components = [.. _known.Components.Select(component => component with { State = ComponentStates.Unknown })] };
        }
    }

    private async Task WriteAsync(ServiceStatus status, CancellationToken cancellation)
    {
        var view = new StatusView(status, settings.Name, settings.Language, PersonTimes.ZoneOf(settings.TimeZone));
        Directory.CreateDirectory(settings.Folder);
        foreach (var (file, content) in new[]
        {
            (StatusView.HtmlFile, Encoding.UTF8.GetBytes(await PageRenderer.RenderAsync(view))), (StatusView.JsonFile, JsonSerializer.SerializeToUtf8Bytes(status, MessageJson.Default.ServiceStatus)), (StatusView.AtomFile, StatusFeed.Of(view, settings.Url)),
        })
        {
            // Whoever fetches it meanwhile gets the one before, whole.
            var path = Path.Combine(settings.Folder, file);
            await File.WriteAllBytesAsync(path + ".new", content, cancellation);
            File.Move(path + ".new", path, overwrite: true);
        }
    }

    /// <summary>Has it brought elsewhere beside the loop, one at a time: the page here does not wait for a machine that does not answer.</summary>
    private void Upload()
    {
        if (_isUploaded || !_uploading.IsCompleted || settings.Upload is not { Count: > 0 } upload || (_uploadFailedAt != 0 && time.GetElapsedTime(_uploadFailedAt) <= _uploadsAgain))
        {
            return;
        }

        _isUploaded = true;
        _uploading = Task.Run(async () =>
        {
            var isDone = await UploadAsync(upload[0], [.. upload.Skip(1)], _stop.Token);
            (_isUploaded, _uploadFailedAt) = (_isUploaded && isDone, isDone ? 0 : time.GetTimestamp());
        }, CancellationToken.None);
    }

    /// <remarks>What it prints goes where the service's own words go.</remarks>
    private async Task<bool> UploadAsync(string program, IReadOnlyList<string> arguments, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_uploadPatience);
        using var process = new Process { StartInfo = new ProcessStartInfo(program, [.. arguments, settings.Folder]) { RedirectStandardInput = true } };
        try
        {
            process.Start();
        }
        catch (Win32Exception exception)
        {
            LogNotUploaded(exception.Message);
            return false;
        }

        try
        {
            process.StandardInput.Close();
            await process.WaitForExitAsync(limit.Token);
            if (process.ExitCode != 0)
            {
                LogNotUploaded($"it ended with {process.ExitCode}.");
            }

            return process.ExitCode == 0;
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            LogNotUploaded($"it did not end within {_uploadPatience}.");
            return false;
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The status page could not be written to {Folder}; it is tried again.")]
    private partial void LogNotWritten(Exception exception, string folder);

    [LoggerMessage(Level = LogLevel.Warning, Message = "How the service is could not be read for its status page.")]
    private partial void LogNotRead(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "The status page could not be uploaded; it is tried again: {Why}")]
    private partial void LogNotUploaded(string why);
}
