using System.Globalization;
using System.Text;

namespace Holdfast.Posix;

/// <summary>Users and groups by name, as the machine knows them (files, LDAP, whatever is configured), or by number.</summary>
public static unsafe class Principals
{
    private const int BufferLength = 64 << 10;

    /// <summary>The number of a user; null if there is none of that name.</summary>
    public static uint? FindUser(string name) => Find(name, NativeMethods.getpwnam_r);

    /// <summary>The number of a group; null if there is none of that name.</summary>
    public static uint? FindGroup(string name) => Find(name, NativeMethods.getgrnam_r);

    private delegate int Lookup(byte* name, byte* record, byte* buffer, nuint size, nint* result);

    private static uint? Find(string name, Lookup lookup)
    {
        // 4294967295 means "leave it as it is" to chown.
        if (uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            return number == uint.MaxValue ? null : number;
        }

        // struct passwd and struct group begin alike: name, password, then the number.
        var record = stackalloc byte[64];
        var buffer = new byte[BufferLength];
        nint found = 0;
        fixed (byte* n = DirectoryHandle.Terminated(Encoding.UTF8.GetBytes(name)), b = buffer)
        {
            return lookup(n, record, b, BufferLength, &found) == 0 && found != 0 ? *(uint*)(record + (2 * sizeof(nint))) : null;
        }
    }
}
