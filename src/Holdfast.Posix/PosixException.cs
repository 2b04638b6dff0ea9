using System.Runtime.InteropServices;

namespace Holdfast.Posix;

/// <summary>A system call failed: which, on what, and why.</summary>
public sealed class PosixException(string call, string path, Errno error)
    : IOException($"{call} {path}: {Marshal.GetPInvokeErrorMessage((int)error)}")
{
    public Errno Error { get; } = error;

    /// <summary>True if the disk, its quota, or the largest file is used up.</summary>
    public bool IsFull => Error is Errno.NoSpace or Errno.QuotaExceeded or Errno.FileTooLarge;
}
