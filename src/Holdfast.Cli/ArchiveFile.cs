using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>An archive on its way: a file that has its name only once it is whole and synced, or standard output.</summary>
internal sealed class ArchiveFile : IDisposable
{
    private const int BufferLength = 1 << 20;

    private readonly FileStream? _file;
    private readonly string _draft;
    private bool _isWhole;

    private ArchiveFile(string name, string draft, FileStream? file) => (Name, _draft, _file) = (name, draft, file);

    public string Name { get; }

    public bool IsStandardOutput => _file is null;

    /// <summary>Opens it; a file that is there already is the failure conflict.</summary>
    public static ArchiveFile Create(string name)
    {
        if (name == "-")
        {
            return Console.IsOutputRedirected ? new ArchiveFile("standard output", "", null) : throw new HoldfastException(FailureTable.InvalidRequest, "An archive is not for a terminal: redirect standard output, or name a file with --target.");
        }

        var path = Path.GetFullPath(name);
        if (Path.Exists(path))
        {
            throw new HoldfastException(FailureTable.Conflict, $"{path} is there already: an archive is never written over.");
        }

        var draft = $"{path}.{Guid.NewGuid().ToString("N")[..8]}.part";
        return new ArchiveFile(path, draft, Open(draft));
    }

    /// <summary>Has it written; syncs it, and gives it its name.</summary>
    public async Task WriteAsync(Func<Stream, Task> write, CancellationToken cancellation)
    {
        try
        {
            await using var stream = new BufferedStream(_file ?? Console.OpenStandardOutput(), BufferLength);
            await write(stream);
            await stream.FlushAsync(cancellation);
            if (_file is not null)
            {
                Posix.PosixFile.Sync(_file.SafeFileHandle, _draft);
                File.Move(_draft, Name, overwrite: false);
                _isWhole = true;
            }
        }
        catch (IOException exception) when ((exception.HResult & 0xFFFF) == (int)Posix.Errno.NoSpace)
        {
            throw new HoldfastException(FailureTable.LocalDiskFull, exception.Message, exception);
        }
    }

    public void Dispose()
    {
        _file?.Dispose();
        if (_file is not null && !_isWhole)
        {
            File.Delete(_draft);
        }
    }

    private static FileStream Open(string draft)
    {
        try
        {
            return new FileStream(draft, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, BufferSize = 0, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite });
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.LocalState, exception.Message, exception);
        }
    }
}
