using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>One backup of this computer at a time, or one drill. The kernel drops the lock with the process, so it is never stale.</summary>
public sealed class LocalLock : IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;

    private LocalLock(Microsoft.Win32.SafeHandles.SafeFileHandle file) => _file = file;

    public static LocalLock Take(ComputerFolders folders) => Take(folders, "lock", "Another backup of this computer is running.");

    /// <summary>Takes a lock of this name; one that is held is the failure already_running.</summary>
    public static LocalLock Take(ComputerFolders folders, string name, string held)
    {
        using var directory = DirectoryHandle.Open(folders.State);
        var file = directory.OpenFile(System.Text.Encoding.ASCII.GetBytes(name), OpenFlags.ReadWrite | OpenFlags.Create, 0x180);
        if (PosixFile.TryLock(file))
        {
            return new LocalLock(file);
        }

        file.Dispose();
        throw new HoldfastException(FailureTable.AlreadyRunning, held);
    }

    public void Dispose() => _file.Dispose();
}
