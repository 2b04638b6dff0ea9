using System.Runtime.InteropServices;
using System.Text;

namespace Holdfast.Posix;

/// <summary>
/// Calls for walks over millions of entries of which some fail: they say why instead of throwing, allocate nothing, and take descriptors and names as they are. Names end with a zero byte, which the caller sees to.
/// Whoever opens a descriptor closes it.
/// </summary>
public static unsafe class EntryCalls
{
    private const int NoFollow = 0x100;
    private const int EmptyPath = 0x1000;
    private const int PathOnly = 0x200000;
    private const uint StatusMask = 0x1 | 0x2 | 0x4 | 0x8 | 0x10 | 0x100 | 0x1000;
    /// <summary>Kernels before 5.8 do not say which mount: there a file system counts as one.</summary>
    private const uint MountKnown = 0x1000;

    private const ulong NoMountCrossed = 0x01;
    private const ulong NoSymbolicLinks = 0x04;
    private const ulong Beneath = 0x08;
    private const int OpenAt2 = 437;
    private const int ChangeModeAt2 = 452;
    private const int GetAttributeAt = 464;
    private const int AttributeNameMax = 64;
    private const int ShortAttributeMax = 256;

    private static readonly byte[] _empty = [0];

    /// <summary>What a fresh kernel is known to lack: asked once, then the older way is taken.</summary>
    private static bool _lacksOpenAt2;
    private static bool _lacksChangeModeAt2;
    private static bool _lacksGetAttributeAt;

    private static readonly Lazy<int> _ownDescriptors = new(OpenOwnDescriptors);

    /// <summary>The status of a name in a directory; of the directory itself if the name is empty.</summary>
    public static Errno Status(int directory, ReadOnlySpan<byte> name, out EntryStatus status)
    {
        var s = stackalloc byte[256];
        fixed (byte* path = name)
        {
            if (NativeMethods.statx(directory, path, name.Length <= 1 ? EmptyPath : NoFollow, StatusMask, s) != 0)
            {
                status = default;
                return DirectoryHandle.LastError();
            }
        }

        // struct statx (statx(2)): offsets are the same on every architecture.
        status = new EntryStatus(
            Mode: *(ushort*)(s + 28), Inode: *(ulong*)(s + 32), Device: ((ulong)*(uint*)(s + 136) << 32) | *(uint*)(s + 140),
            Links: *(uint*)(s + 16), Owner: *(uint*)(s + 20), Group: *(uint*)(s + 24), Mount: (*(uint*)s & MountKnown) != 0 ? *(ulong*)(s + 144) : ((ulong)*(uint*)(s + 136) << 32) | *(uint*)(s + 140));
        return Errno.None;
    }

    public static Errno Status(int descriptor, out EntryStatus status) => Status(descriptor, _empty, out status);

    /// <summary>Opens a directory by a path below another one: no symbolic link is followed, no mount point crossed (unless told), and nothing above is reached, whatever is renamed meanwhile.</summary>
    /// <remarks>The path has at most 4,095 bytes, then a zero byte; only that means the directory itself, opened anew. Its time of access can be left alone by its owner and root only.</remarks>
    public static Errno OpenDirectory(int directory, ReadOnlySpan<byte> path, bool crossMounts, bool accessTime, out int descriptor)
    {
        var flags = OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow | OpenFlags.CloseOnExec | (accessTime ? 0 : OpenFlags.NoAccessTime);
        ReadOnlySpan<byte> name = path.Length <= 1 ? "."u8 : path[..^1];
        if (!_lacksOpenAt2)
        {
            var how = stackalloc ulong[3] { (uint)flags, 0, NoSymbolicLinks | Beneath | (crossMounts ? 0 : NoMountCrossed) };
            Errno error;
            fixed (byte* p = path.Length <= 1 ? ".\0"u8 : path)
            {
                do
                {
                    descriptor = (int)NativeMethods.openat2(OpenAt2, directory, p, how, 24);
                    error = descriptor >= 0 ? Errno.None : DirectoryHandle.LastError();
                }
                while (error is Errno.Interrupted or Errno.WouldBlock);
            }

            if (error != Errno.NotImplemented)
            {
                return error;
            }

            _lacksOpenAt2 = true;
        }

        return OpenStepByStep(directory, name, flags, crossMounts, out descriptor);
    }

    /// <summary>As before Linux 5.6: component by component, each without following.</summary>
    public static Errno OpenStepByStep(int directory, ReadOnlySpan<byte> path, int flags, bool crossMounts, out int descriptor)
    {
        descriptor = -1;
        var error = Status(directory, out var from);
        var component = (Span<byte>)stackalloc byte[256];
        var at = directory;
        foreach (var range in path.Split((byte)'/'))
        {
            var name = path[range];
            if (error == Errno.None && (name.Length >= component.Length || name.SequenceEqual(".."u8)))
            {
                error = Errno.NameTooLong;
            }

            if (error != Errno.None)
            {
                break;
            }

            name.CopyTo(component);
            component[name.Length] = 0;
            fixed (byte* p = component)
            {
                descriptor = NativeMethods.openat(at, p, flags, 0);
            }

            error = descriptor >= 0 ? Errno.None : DirectoryHandle.LastError();
            if (at != directory)
            {
                Close(at);
            }

            at = descriptor;
            if (error == Errno.None && !crossMounts && Status(descriptor, out var there) == Errno.None && there.Mount != from.Mount)
            {
                error = Errno.CrossDevice;
            }
        }

        if (error != Errno.None && at != directory && at >= 0)
        {
            Close(at);
            descriptor = -1;
        }

        return error;
    }

    /// <summary>Takes hold of an entry without opening it: whatever happens to the name, the descriptor stays what it was. Works for any type, and without permission to read.</summary>
    public static Errno Hold(int directory, ReadOnlySpan<byte> name, out int descriptor)
    {
        fixed (byte* path = name.Length <= 1 ? ".\0"u8 : name)
        {
            descriptor = NativeMethods.openat(directory, path, PathOnly | OpenFlags.NoFollow | OpenFlags.CloseOnExec, 0);
        }

        return descriptor >= 0 ? Errno.None : DirectoryHandle.LastError();
    }

    /// <summary>Reads names: records as getdents64 lays them out (<see cref="DirectoryRecords"/>). Zero at the end.</summary>
    public static Errno ReadNames(int directory, Span<byte> buffer, out int length)
    {
        // x86-64 and arm64 have different numbers for getdents64.
        nint number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;
        fixed (byte* bytes = buffer)
        {
            length = (int)NativeMethods.getdents64(number, directory, bytes, (nuint)buffer.Length);
        }

        return length >= 0 ? Errno.None : DirectoryHandle.LastError();
    }

    /// <summary>Changes the owner and group of what is held.</summary>
    public static Errno ChangeOwner(int held, uint owner, uint group)
    {
        fixed (byte* path = _empty)
        {
            return NativeMethods.fchownat(held, path, owner, group, EmptyPath) == 0 ? Errno.None : DirectoryHandle.LastError();
        }
    }

    /// <summary>Changes the mode of what is held, which must not be a symbolic link.</summary>
    public static Errno ChangeMode(int held, uint mode)
    {
        if (!_lacksChangeModeAt2)
        {
            fixed (byte* path = _empty)
            {
                if (NativeMethods.fchmodat2(ChangeModeAt2, held, path, mode, EmptyPath) == 0)
                {
                    return Errno.None;
                }
            }

            var error = DirectoryHandle.LastError();
            if (error != Errno.NotImplemented)
            {
                return error;
            }

            _lacksChangeModeAt2 = true;
        }

        return ChangeModeByProc(held, mode);
    }

    /// <summary>As before Linux 6.6: by way of /proc, which leads to what is held and not to its name.</summary>
    public static Errno ChangeModeByProc(int held, uint mode)
    {
        fixed (byte* path = ProcPath(held))
        {
            return NativeMethods.fchmodat(-100, path, mode, 0) == 0 ? Errno.None : DirectoryHandle.LastError();
        }
    }

    /// <summary>Reads an extended attribute of what is held; null with <see cref="Errno.None"/> if it has none, or its file system knows none.</summary>
    public static Errno ReadAttribute(int held, ReadOnlySpan<byte> name, out byte[]? value)
    {
        value = null;
        if (TryReadShortAttribute(held, name, ref value) is { } read)
        {
            return read;
        }

        var buffer = new byte[256];
        while (true)
        {
            nint length;
            fixed (byte* path = ProcPath(held), n = DirectoryHandle.Terminated(name), v = buffer)
            {
                length = NativeMethods.getxattr(path, n, v, (nuint)buffer.Length);
            }

            if (length >= 0)
            {
                value = buffer[..(int)length];
                return Errno.None;
            }

            switch (DirectoryHandle.LastError())
            {
                case Errno.NoData or Errno.NotSupported: return Errno.None;
                case Errno.RangeTooSmall when buffer.Length < 1 << 16: buffer = new byte[1 << 16]; break;
                case var error: return error;
            }
        }
    }

    /// <summary>Most entries have none: asked from /proc's open directory, which is half the way, and without a byte of memory. Null if it must be asked the long way.</summary>
    private static Errno? TryReadShortAttribute(int held, ReadOnlySpan<byte> name, ref byte[]? value)
    {
        if (_lacksGetAttributeAt || _ownDescriptors.Value < 0 || name.Length >= AttributeNameMax)
        {
            return null;
        }

        Span<byte> path = stackalloc byte[12], terminated = stackalloc byte[AttributeNameMax], buffer = stackalloc byte[ShortAttributeMax];
        System.Buffers.Text.Utf8Formatter.TryFormat(held, path, out var digits);
        path[digits] = 0;
        name.CopyTo(terminated);
        terminated[name.Length] = 0;
        nint length;
        fixed (byte* p = path, n = terminated, v = buffer)
        {
            // struct xattr_args (linux/xattr.h): value, size, flags.
            var arguments = stackalloc ulong[2] { (ulong)v, ShortAttributeMax };
            length = NativeMethods.getxattrat(GetAttributeAt, _ownDescriptors.Value, p, 0, n, arguments, 16);
        }

        if (length >= 0)
        {
            value = buffer[..(int)length].ToArray();
            return Errno.None;
        }

        var error = DirectoryHandle.LastError();
        _lacksGetAttributeAt |= error == Errno.NotImplemented;
        return error switch
        {
            Errno.NoData or Errno.NotSupported => Errno.None,
            Errno.RangeTooSmall or Errno.NotImplemented => null,
            _ => error,
        };
    }

    /// <summary>The directory that leads to what this process holds; stays open.</summary>
    private static int OpenOwnDescriptors()
    {
        fixed (byte* path = "/proc/self/fd\0"u8)
        {
            return NativeMethods.openat(-100, path, PathOnly | OpenFlags.Directory | OpenFlags.CloseOnExec, 0);
        }
    }

    /// <summary>Writes an extended attribute of what is held; null removes it.</summary>
    public static Errno WriteAttribute(int held, ReadOnlySpan<byte> name, byte[]? value)
    {
        fixed (byte* path = ProcPath(held), n = DirectoryHandle.Terminated(name), v = value)
        {
            var result = value is null ? NativeMethods.removexattr(path, n) : NativeMethods.setxattr(path, n, v, (nuint)value.Length, 0);
            return result == 0 || (value is null && DirectoryHandle.LastError() is Errno.NoData) ? Errno.None : DirectoryHandle.LastError();
        }
    }

    /// <summary>Makes everything durable that was changed on the file system of a descriptor.</summary>
    public static Errno SyncFileSystem(int descriptor) => NativeMethods.syncfs(descriptor) == 0 ? Errno.None : DirectoryHandle.LastError();

    public static void Close(int descriptor) => _ = NativeMethods.close(descriptor);

    private static byte[] ProcPath(int held) => Encoding.ASCII.GetBytes($"/proc/self/fd/{held}\0");
}
