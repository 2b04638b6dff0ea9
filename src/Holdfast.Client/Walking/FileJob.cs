using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>A file that a reader chunks: where it is, what the walk saw, and the promise of its entry (null if it could not be read).</summary>
internal sealed class FileJob(SharedDirectory directory, byte[] name, string path, FileStatus status)
{
    private readonly TaskCompletionSource<FileResult?> _result = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public SharedDirectory Directory => directory;

    public byte[] Name => name;

    public string Path => path;

    public FileStatus Status => status;

    public Task<FileResult?> Result => _result.Task;

    public void Finish(FileResult? result)
    {
        directory.Dispose();
        _result.TrySetResult(result);
    }
}

/// <summary>A file that was read: its encoded entry, the frames of its content (numbers of the registry), and the status it was read under.</summary>
internal sealed record FileResult(byte[] Encoded, IReadOnlyList<uint> Frames, FileStatus Status);
