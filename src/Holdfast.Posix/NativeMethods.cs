using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Posix;

/// <summary>libc, with names as bytes: .NET's own file calls cannot express names that are not UTF-8, nor stay below a directory descriptor.</summary>
internal static unsafe partial class NativeMethods
{
    private const string C = "libc";

    [LibraryImport(C, SetLastError = true)]
    internal static partial int openat(int directory, byte* path, int flags, uint mode);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int nice(int more);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int statx(int directory, byte* path, int flags, uint mask, byte* buffer);

    [LibraryImport(C, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint getdents64(nint number, int descriptor, byte* buffer, nuint count);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint readlinkat(int directory, byte* path, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int mkdirat(int directory, byte* path, uint mode);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int symlinkat(byte* target, int directory, byte* path);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int linkat(int oldDirectory, byte* oldPath, int newDirectory, byte* newPath, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int mknodat(int directory, byte* path, uint mode, ulong device);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int unlinkat(int directory, byte* path, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int renameat2(int oldDirectory, byte* oldPath, int newDirectory, byte* newPath, uint flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fchownat(int directory, byte* path, uint owner, uint group, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fchmodat(int directory, byte* path, uint mode, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int utimensat(int directory, byte* path, long* times, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fchown(SafeFileHandle file, uint owner, uint group);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fchmod(SafeFileHandle file, uint mode);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int futimens(SafeFileHandle file, long* times);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fsync(SafeFileHandle file);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fdatasync(SafeFileHandle file);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int ftruncate(SafeFileHandle file, long length);

    [LibraryImport(C, SetLastError = true)]
    internal static partial long lseek(SafeFileHandle file, long offset, int whence);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint pread(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint pwrite(SafeFileHandle file, byte* buffer, nuint count, long offset);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fallocate(SafeFileHandle file, int mode, long offset, long length);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int sync_file_range(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport(C)]
    internal static partial int posix_fadvise(SafeFileHandle file, long offset, long length, int advice);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int flock(SafeFileHandle file, int operation);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint flistxattr(SafeFileHandle file, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint fgetxattr(SafeFileHandle file, byte* name, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int fsetxattr(SafeFileHandle file, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint llistxattr(byte* path, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint lgetxattr(byte* path, byte* name, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int lsetxattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial nint getxattr(byte* path, byte* name, byte* buffer, nuint size);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int setxattr(byte* path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int removexattr(byte* path, byte* name);

    [LibraryImport(C, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint openat2(nint number, nint directory, byte* path, ulong* how, nint size);

    [LibraryImport(C, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint fchmodat2(nint number, nint directory, byte* path, nuint mode, nint flags);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int syncfs(int descriptor);

    /// <summary>Linux 6.13; glibc has no name for it yet.</summary>
    [LibraryImport(C, EntryPoint = "syscall", SetLastError = true)]
    internal static partial nint getxattrat(nint number, int directory, byte* path, uint flags, byte* name, void* arguments, nuint size);

    [LibraryImport(C)]
    internal static partial int close(int descriptor);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int getrlimit(int resource, ulong* limits);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int getpwnam_r(byte* name, byte* record, byte* buffer, nuint size, nint* result);

    [LibraryImport(C, SetLastError = true)]
    internal static partial int getgrnam_r(byte* name, byte* record, byte* buffer, nuint size, nint* result);

    [LibraryImport(C)]
    internal static partial uint geteuid();
}
