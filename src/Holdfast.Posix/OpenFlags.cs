using System.Runtime.InteropServices;

namespace Holdfast.Posix;

/// <summary>Flags of openat. Two of them differ between x86-64 and arm64.</summary>
public static class OpenFlags
{
    private static readonly bool _arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    public const int ReadOnly = 0;
    public const int WriteOnly = 1;
    public const int ReadWrite = 2;
    public const int Create = 0x40;
    public const int Exclusive = 0x80;
    public const int Truncate = 0x200;
    public const int NonBlocking = 0x800;
    public const int NoAccessTime = 0x40000;
    public const int CloseOnExec = 0x80000;

    public static int Directory => _arm ? 0x4000 : 0x10000;

    public static int NoFollow => _arm ? 0x8000 : 0x20000;
}
