using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>Small files that only their owner reads, written whole or not at all.</summary>
public static class PrivateFile
{
    public static void Write<T>(string path, T value, JsonTypeInfo<T> type) => Write(path, JsonSerializer.SerializeToUtf8Bytes(value, type));

    public static void Write(string path, ReadOnlySpan<byte> content)
    {
        try
        {
            var temporary = path + ".new";
            using (var stream = new FileStream(temporary, new FileStreamOptions
            {
                Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            }))
            {
                stream.Write(content);
                stream.Flush();
                PosixFile.Sync(stream.SafeFileHandle, path);
            }

            Move(temporary, path);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(exception is PosixException { IsFull: true } || (exception is IOException && (exception.HResult & 0xFFFF) == (int)Errno.NoSpace) ? FailureTable.LocalDiskFull : FailureTable.LocalState, exception.Message, exception);
        }
    }

    public static void Rename(string from, string to)
    {
        try
        {
            Move(from, to);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.LocalState, exception.Message, exception);
        }
    }

    /// <summary>The content, or null if there is no such file; one that cannot be read or understood is a failure.</summary>
    public static T? TryRead<T>(string path, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), type) : null;
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or JsonException)
        {
            throw new HoldfastException(FailureTable.LocalState, $"{path}: {exception.Message}", exception);
        }
    }

    private static void Move(string from, string to)
    {
        File.Move(from, to, overwrite: true);
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(to)!);
        directory.Sync();
    }
}
