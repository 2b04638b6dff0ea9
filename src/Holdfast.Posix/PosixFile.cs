using Microsoft.Win32.SafeHandles;

namespace Holdfast.Posix;

/// <summary>Calls on an open file whose errors are never swallowed: .NET's own flush was measured to hide EIO.</summary>
public static unsafe class PosixFile
{
    private const int SeekData = 3;
    private const int SeekHole = 4;
    private const int LockExclusiveNonBlocking = 2 | 4;
    private const int LockRelease = 8;
    private const int KeepSize = 1;
    private const int PunchHole = 2;
    private const int Normal = 0;
    private const int Random = 1;
    private const int WillNeed = 3;
    private const int DontNeed = 4;
    private const uint WriteBack = 2;

    /// <summary>Makes content and metadata durable. After a failure the file's state is unknown: never sync it again, write it anew.</summary>
    public static void Sync(SafeFileHandle file, string path) => Check(NativeMethods.fsync(file), "fsync", path);

    /// <summary>Makes content and length durable.</summary>
    public static void SyncData(SafeFileHandle file, string path) => Check(NativeMethods.fdatasync(file), "fdatasync", path);

    public static void Truncate(SafeFileHandle file, long length, string path) => Check(NativeMethods.ftruncate(file, length), "truncate", path);

    /// <summary>Reserves blocks without changing the file's length, so that writing them cannot meet a full disk. A file system that cannot is left as it is.</summary>
    public static void Reserve(SafeFileHandle file, long length, string path)
    {
        if (NativeMethods.fallocate(file, KeepSize, 0, length) != 0 && DirectoryHandle.LastError() is var error && error != Errno.NotSupported)
        {
            throw new PosixException("fallocate", path, error);
        }
    }

    /// <summary>Makes a range read as zeros and gives its blocks back, as far as they are whole; the length stays. False if the file system cannot, and nothing was changed.</summary>
    public static bool TryPunchHole(SafeFileHandle file, long offset, long length, string path)
    {
        if (NativeMethods.fallocate(file, KeepSize | PunchHole, offset, length) == 0)
        {
            return true;
        }

        return DirectoryHandle.LastError() is var error && error == Errno.NotSupported ? false : throw new PosixException("fallocate", path, error);
    }

    /// <summary>Lets the kernel forget its copy of durable pages: what is read next comes from the disk, and memory stays for others.</summary>
    public static void DropCache(SafeFileHandle file, long offset, long length) => _ = NativeMethods.posix_fadvise(file, offset, length, DontNeed);

    /// <summary>Has the kernel begin to read a range, without waiting for it.</summary>
    public static void Prefetch(SafeFileHandle file, long offset, long length) => _ = NativeMethods.posix_fadvise(file, offset, length, WillNeed);

    /// <summary>Has the kernel begin to write a range to the disk, without waiting: a sync that comes later has less to do at once. It makes nothing durable.</summary>
    public static void BeginWriteBack(SafeFileHandle file, long offset, long length) => _ = NativeMethods.sync_file_range(file, offset, length, WriteBack);

    /// <summary>Lets the kernel read ahead of what is asked for, as it does unless told (megabytes of it on some disks), or has it read just that.</summary>
    public static void ReadAhead(SafeFileHandle file, bool isOn) => _ = NativeMethods.posix_fadvise(file, 0, 0, isOn ? Normal : Random);

    public static void ChangeOwner(SafeFileHandle file, uint owner, uint group, string path) => Check(NativeMethods.fchown(file, owner, group), "chown", path);

    public static void ChangeMode(SafeFileHandle file, uint mode, string path) => Check(NativeMethods.fchmod(file, mode), "chmod", path);

    public static void SetModified(SafeFileHandle file, long seconds, uint nanoseconds, string path)
    {
        var times = stackalloc long[4] { seconds, nanoseconds, seconds, nanoseconds };
        Check(NativeMethods.futimens(file, times), "futimens", path);
    }

    /// <summary>Reads up to the buffer's length; 0 at the end of the file.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer, long offset, string path)
    {
        while (true)
        {
            nint count;
            fixed (byte* bytes = buffer)
            {
                count = NativeMethods.pread(file, bytes, (nuint)buffer.Length, offset);
            }

            if (count >= 0)
            {
                return (int)count;
            }

            var error = DirectoryHandle.LastError();
            if (error != Errno.Interrupted)
            {
                throw new PosixException("read", path, error);
            }
        }
    }

    /// <summary>Fills the buffer, or returns fewer bytes at the end of the file.</summary>
    public static int ReadFull(SafeFileHandle file, Span<byte> buffer, long offset, string path)
    {
        var total = 0;
        while (total < buffer.Length)
        {
            var count = Read(file, buffer[total..], offset + total, path);
            if (count == 0)
            {
                break;
            }

            total += count;
        }

        return total;
    }

    /// <summary>Writes all bytes.</summary>
    public static void Write(SafeFileHandle file, ReadOnlySpan<byte> buffer, long offset, string path)
    {
        while (!buffer.IsEmpty)
        {
            nint count;
            fixed (byte* bytes = buffer)
            {
                count = NativeMethods.pwrite(file, bytes, (nuint)buffer.Length, offset);
            }

            if (count < 0)
            {
                var error = DirectoryHandle.LastError();
                if (error == Errno.Interrupted)
                {
                    continue;
                }

                throw new PosixException("write", path, error);
            }

            buffer = buffer[(int)count..];
            offset += count;
        }
    }

    /// <summary>The next run of data at or after <paramref name="offset"/> as (start, end), or null if only a hole follows.</summary>
    public static (long Start, long End)? NextData(SafeFileHandle file, long offset, long size)
    {
        var start = NativeMethods.lseek(file, offset, SeekData);
        if (start < 0)
        {
            // ENXIO: no data behind; anything else: a file system that knows no holes.
            return (int)DirectoryHandle.LastError() == 6 ? null : (offset, size);
        }

        var end = NativeMethods.lseek(file, start, SeekHole);
        return start >= size ? null : (start, end < 0 ? size : Math.Min(end, size));
    }

    /// <summary>Takes the file's exclusive lock, or returns false if another process holds it. The kernel drops it with the process.</summary>
    public static bool TryLock(SafeFileHandle file) => NativeMethods.flock(file, LockExclusiveNonBlocking) == 0;

    /// <summary>Gives a lock back at once: merely closed, it lives on in a child that this process is about to start, for as long as that has not begun its program.</summary>
    public static void Unlock(SafeFileHandle file) => _ = NativeMethods.flock(file, LockRelease);

    /// <summary>Opens (or makes, for its owner alone) the file that keeps others out, and locks it; null if another process holds it. It is free when the handle is disposed of, or the process is gone.</summary>
    public static SafeFileHandle? TryLock(string path)
    {
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var file = directory.OpenFile(System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path)), OpenFlags.ReadWrite | OpenFlags.Create, 0x180);
        if (TryLock(file))
        {
            return file;
        }

        file.Dispose();
        return null;
    }

    /// <summary>True if this process may do everything.</summary>
    /// <summary>Whose the files are that this process makes.</summary>
    public static uint EffectiveUser => NativeMethods.geteuid();

    public static bool IsRoot => NativeMethods.geteuid() == 0;

    private static void Check(int result, string call, string path)
    {
        if (result != 0)
        {
            throw new PosixException(call, path, DirectoryHandle.LastError());
        }
    }
}
