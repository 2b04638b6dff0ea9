using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>One backup of this computer at a time. The kernel drops the lock with the process, so it is never stale.</summary>
internal sealed class LocalLock : IDisposable
{
    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _file;

    private LocalLock(Microsoft.Win32.SafeHandles.SafeFileHandle file) => _file = file;

    public static LocalLock Take(ComputerFolders folders)
    {
        using var directory = DirectoryHandle.Open(folders.State);
        var file = directory.OpenFile("lock"u8, OpenFlags.ReadWrite | OpenFlags.Create, 0x180);
        if (PosixFile.TryLock(file))
        {
            return new LocalLock(file);
        }

        file.Dispose();
        throw new HoldfastException(FailureTable.AlreadyRunning, "Another backup of this computer is running.");
    }

    public void Dispose() => _file.Dispose();
}
