using System.Buffers;
using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Posix;

/// <summary>An open directory. Everything is done relative to it, one name at a time, so no symbolic link and no rename can lead elsewhere.</summary>
public sealed unsafe class DirectoryHandle : IDisposable
{
    private const int CurrentDirectory = -100;
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const uint RenameNoReplace = 1;
    private const int RemoveDirectoryFlag = 0x200;
    private const uint StatusMask = 0x7FF;

    private readonly SafeFileHandle _handle;
    private readonly string _path;

    private DirectoryHandle(SafeFileHandle handle, string path)
    {
        _handle = handle;
        _path = path;
    }

    /// <summary>For metadata of the directory itself.</summary>
    public SafeFileHandle Handle => _handle;

    /// <summary>Opens a directory by path; here alone are symbolic links followed.</summary>
    public static DirectoryHandle Open(ReadOnlySpan<byte> path)
    {
        var text = Encoding.UTF8.GetString(path);
        return new DirectoryHandle(OpenAt(CurrentDirectory, path, OpenFlags.ReadOnly | OpenFlags.Directory, 0, text), text);
    }

    public static DirectoryHandle Open(string path) => Open(Encoding.UTF8.GetBytes(path));

    /// <summary>Opens a directory below this one; a symbolic link in its place is an error.</summary>
    public DirectoryHandle OpenDirectory(ReadOnlySpan<byte> name)
    {
        var path = Describe(name);
        return new DirectoryHandle(OpenAt(Descriptor, name, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow, 0, path), path);
    }

    /// <summary>Opens a file below this directory, never through a symbolic link.</summary>
    public SafeFileHandle OpenFile(ReadOnlySpan<byte> name, int flags, uint mode = 0) =>
        OpenAt(Descriptor, name, flags | OpenFlags.NoFollow, mode, Describe(name));

    public FileStatus Status(ReadOnlySpan<byte> name) => Statx(Descriptor, name, NoFollow, Describe);

    /// <summary>The status of a name, or null if it is not there.</summary>
    public FileStatus? TryStatus(ReadOnlySpan<byte> name)
    {
        Span<byte> terminated = stackalloc byte[name.Length + 1];
        name.CopyTo(terminated);
        terminated[name.Length] = 0;
        var buffer = stackalloc byte[256];
        fixed (byte* path = terminated)
        {
            if (NativeMethods.statx(Descriptor, path, NoFollow, StatusMask, buffer) == 0)
            {
                return ReadStatus(buffer);
            }
        }

        var error = LastError();
        return error is Errno.NoEntry or Errno.NotDirectory ? null : throw new PosixException("stat", Describe(name), error);
    }

    public static FileStatus StatusOf(SafeFileHandle file) => Statx((int)file.DangerousGetHandle(), [], EmptyPath, static _ => "open file");

    public byte[] ReadLink(ReadOnlySpan<byte> name)
    {
        var buffer = new byte[4097];
        nint length;
        fixed (byte* path = Terminated(name), target = buffer)
        {
            length = NativeMethods.readlinkat(Descriptor, path, target, (nuint)buffer.Length);
        }

        return length >= 0 ? buffer[..(int)length] : throw Failed("readlink", name);
    }

    public void MakeDirectory(ReadOnlySpan<byte> name, uint mode) => Check("mkdir", name, (handle, path) => NativeMethods.mkdirat(handle, (byte*)path, mode));

    public void MakeSymbolicLink(ReadOnlySpan<byte> name, ReadOnlySpan<byte> target)
    {
        fixed (byte* to = Terminated(target), path = Terminated(name))
        {
            if (NativeMethods.symlinkat(to, Descriptor, path) != 0)
            {
                throw Failed("symlink", name);
            }
        }
    }

    /// <summary>Makes a fifo, socket or device; <paramref name="mode"/> carries the type.</summary>
    public void MakeNode(ReadOnlySpan<byte> name, uint mode, uint major, uint minor)
    {
        // The encoding of dev_t in glibc (sys/sysmacros.h).
        var device = (minor & 0xFFUL) | ((major & 0xFFFUL) << 8) | ((ulong)(minor & ~0xFFU) << 12) | ((ulong)(major & ~0xFFFU) << 32);
        Check("mknod", name, (handle, path) => NativeMethods.mknodat(handle, (byte*)path, mode, device));
    }

    /// <summary>Makes <paramref name="name"/> here a second name of a file in <paramref name="other"/>.</summary>
    public void MakeHardLink(ReadOnlySpan<byte> name, DirectoryHandle other, ReadOnlySpan<byte> otherName)
    {
        fixed (byte* from = Terminated(otherName), to = Terminated(name))
        {
            if (NativeMethods.linkat(other.Descriptor, from, Descriptor, to, 0) != 0)
            {
                throw Failed("link", name);
            }
        }
    }

    /// <summary>Removes a directory below this one that is empty.</summary>
    public void RemoveDirectory(ReadOnlySpan<byte> name) => Check("rmdir", name, static (handle, path) => NativeMethods.unlinkat(handle, (byte*)path, RemoveDirectoryFlag));

    public void Unlink(ReadOnlySpan<byte> name) => Check("unlink", name, static (handle, path) => NativeMethods.unlinkat(handle, (byte*)path, 0));

    /// <summary>Renames, replacing what is there only if <paramref name="replace"/>.</summary>
    public void Rename(ReadOnlySpan<byte> name, DirectoryHandle target, ReadOnlySpan<byte> targetName, bool replace)
    {
        fixed (byte* from = Terminated(name), to = Terminated(targetName))
        {
            if (NativeMethods.renameat2(Descriptor, from, target.Descriptor, to, replace ? 0 : RenameNoReplace) != 0)
            {
                throw Failed("rename", targetName);
            }
        }
    }

    public void ChangeOwner(ReadOnlySpan<byte> name, uint owner, uint group) =>
        Check("chown", name, (handle, path) => NativeMethods.fchownat(handle, (byte*)path, owner, group, NoFollow));

    /// <summary>Sets the mode of a fifo, socket or device, which cannot be opened safely; symbolic links have none.</summary>
    public void ChangeMode(ReadOnlySpan<byte> name, uint mode) => Check("chmod", name, (handle, path) => NativeMethods.fchmodat(handle, (byte*)path, mode, 0));

    public void SetModified(ReadOnlySpan<byte> name, long seconds, uint nanoseconds)
    {
        var times = stackalloc long[4] { seconds, nanoseconds, seconds, nanoseconds };
        fixed (byte* path = Terminated(name))
        {
            if (NativeMethods.utimensat(Descriptor, path, times, NoFollow) != 0)
            {
                throw Failed("utimensat", name);
            }
        }
    }

    /// <summary>A path that names an entry of this directory to calls that know no descriptor (extended attributes of what cannot be opened).</summary>
    public byte[] ProcPath(ReadOnlySpan<byte> name) => [.. Encoding.ASCII.GetBytes($"/proc/self/fd/{Descriptor}/"), .. name];

    /// <summary>All names but "." and "..", unsorted, with the type the directory knows.</summary>
    public void List(Action<ReadOnlySpan<byte>, byte> visit)
    {
        var buffer = ArrayPool<byte>.Shared.Rent(32 << 10);
        try
        {
            while (ReadNames(buffer) is > 0 and var length)
            {
                var records = new DirectoryRecords(buffer.AsSpan(0, length));
                while (records.MoveNext())
                {
                    visit(records.Name[..^1], records.Type);
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private int ReadNames(byte[] buffer)
    {
        var error = EntryCalls.ReadNames(Descriptor, buffer, out var length);
        return error == Errno.None ? length : throw new PosixException("read directory", _path, error);
    }

    /// <summary>Makes names in this directory durable.</summary>
    public void Sync() => PosixFile.Sync(_handle, _path);

    public void Dispose() => _handle.Dispose();

    private int Descriptor => (int)_handle.DangerousGetHandle();

    internal static Errno LastError() => (Errno)Marshal.GetLastPInvokeError();

    internal static byte[] Terminated(ReadOnlySpan<byte> name)
    {
        var bytes = new byte[name.Length + 1];
        name.CopyTo(bytes);
        return bytes;
    }

    private string Describe(ReadOnlySpan<byte> name) => _path + (_path.EndsWith('/') ? "" : "/") + Encoding.UTF8.GetString(name);

    private PosixException Failed(string call, ReadOnlySpan<byte> name)
    {
        var error = LastError();
        return new PosixException(call, Describe(name), error);
    }

    private void Check(string call, ReadOnlySpan<byte> name, Func<int, nint, int> action)
    {
        fixed (byte* path = Terminated(name))
        {
            if (action(Descriptor, (nint)path) != 0)
            {
                throw Failed(call, name);
            }
        }
    }

    private static SafeFileHandle OpenAt(int directory, ReadOnlySpan<byte> name, int flags, uint mode, string description)
    {
        fixed (byte* path = Terminated(name))
        {
            while (true)
            {
                var descriptor = NativeMethods.openat(directory, path, flags | OpenFlags.CloseOnExec, mode);
                if (descriptor >= 0)
                {
                    return new SafeFileHandle(descriptor, ownsHandle: true);
                }

                var error = LastError();
                if (error != Errno.Interrupted)
                {
                    throw new PosixException("open", description, error);
                }
            }
        }
    }

    private delegate string Description(ReadOnlySpan<byte> name);

    private static FileStatus Statx(int directory, ReadOnlySpan<byte> name, int flags, Description describe)
    {
        Span<byte> terminated = stackalloc byte[name.Length + 1];
        name.CopyTo(terminated);
        terminated[name.Length] = 0;
        var buffer = stackalloc byte[256];
        fixed (byte* path = terminated)
        {
            return NativeMethods.statx(directory, path, flags, StatusMask, buffer) == 0
                ? ReadStatus(buffer)
                : throw new PosixException("stat", describe(name), LastError());
        }
    }

    // struct statx (statx(2)): offsets are the same on every architecture.
    private static FileStatus ReadStatus(byte* s) => new(
        Mode: *(ushort*)(s + 28), Inode: *(ulong*)(s + 32), Device: ((ulong)*(uint*)(s + 136) << 32) | *(uint*)(s + 140),
        Links: *(uint*)(s + 16), Owner: *(uint*)(s + 20), Group: *(uint*)(s + 24), Size: *(long*)(s + 40),
        ModifiedSeconds: *(long*)(s + 112), ModifiedNanoseconds: *(uint*)(s + 120),
        ChangedSeconds: *(long*)(s + 96), ChangedNanoseconds: *(uint*)(s + 104),
        DeviceMajor: *(uint*)(s + 128), DeviceMinor: *(uint*)(s + 132), Blocks: *(ulong*)(s + 48));
}
