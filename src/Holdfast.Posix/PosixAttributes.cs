using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Posix;

/// <summary>Extended attributes, of an open file or of a path whose last part is not followed.</summary>
public static unsafe class PosixAttributes
{
    private const int NamesLengthMax = 64 << 10;
    private const int ValueLengthMax = 64 << 10;

    private delegate nint Reading(byte* buffer, nuint size);

    /// <summary>Names and values, sorted by name; empty where the file system has none.</summary>
    public static List<(byte[] Name, byte[] Value)> List(SafeFileHandle file, string path) =>
        List(path, (buffer, size) => NativeMethods.flistxattr(file, buffer, size), name => (buffer, size) =>
        {
            fixed (byte* n = name)
            {
                return NativeMethods.fgetxattr(file, n, buffer, size);
            }
        });

    public static List<(byte[] Name, byte[] Value)> List(byte[] path)
    {
        var terminated = DirectoryHandle.Terminated(path);
        return List(Encoding.UTF8.GetString(path), (buffer, size) =>
        {
            fixed (byte* p = terminated)
            {
                return NativeMethods.llistxattr(p, buffer, size);
            }
        }, name => (buffer, size) =>
        {
            fixed (byte* p = terminated, n = name)
            {
                return NativeMethods.lgetxattr(p, n, buffer, size);
            }
        });
    }

    public static void Set(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value, string path)
    {
        fixed (byte* n = DirectoryHandle.Terminated(name), v = value)
        {
            Check(NativeMethods.fsetxattr(file, n, v, (nuint)value.Length, 0), name, path);
        }
    }

    public static void Set(byte[] path, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* p = DirectoryHandle.Terminated(path), n = DirectoryHandle.Terminated(name), v = value)
        {
            Check(NativeMethods.lsetxattr(p, n, v, (nuint)value.Length, 0), name, Encoding.UTF8.GetString(path));
        }
    }

    private static List<(byte[], byte[])> List(string path, Reading list, Func<byte[], Reading> get)
    {
        var result = new List<(byte[], byte[])>();
        var first = stackalloc byte[512];
        var length = list(first, 512);
        if (length == 0)
        {
            return result;
        }

        byte[] names;
        if (length > 0)
        {
            names = new ReadOnlySpan<byte>(first, (int)length).ToArray();
        }
        else
        {
            var error = DirectoryHandle.LastError();
            if (error is Errno.NotSupported)
            {
                return result;
            }

            if (error != Errno.RangeTooSmall)
            {
                throw new PosixException("list attributes", path, error);
            }

            names = ReadAll(list, NamesLengthMax, path) ?? [];
        }

        foreach (var range in names.AsSpan().Split((byte)0))
        {
            var name = names.AsSpan(range);
            if (name.IsEmpty)
            {
                continue;
            }

            // Vanished between listing and reading: as if it had never been there.
            if (ReadAll(get(DirectoryHandle.Terminated(name)), ValueLengthMax, path) is { } value)
            {
                result.Add((name.ToArray(), value));
            }
        }

        result.Sort(static (a, b) => a.Item1.AsSpan().SequenceCompareTo(b.Item1));
        return result;
    }

    private static byte[]? ReadAll(Reading read, int lengthMax, string path)
    {
        var buffer = new byte[256];
        while (true)
        {
            nint length;
            fixed (byte* bytes = buffer)
            {
                length = read(bytes, (nuint)buffer.Length);
            }

            if (length >= 0)
            {
                return buffer[..(int)length];
            }

            var error = DirectoryHandle.LastError();
            if (error == Errno.NoData)
            {
                return null;
            }

            if (error != Errno.RangeTooSmall || buffer.Length >= lengthMax)
            {
                throw new PosixException("read attribute", path, error);
            }

            buffer = new byte[lengthMax];
        }
    }

    private static void Check(int result, ReadOnlySpan<byte> name, string path)
    {
        if (result != 0)
        {
            throw new PosixException($"set attribute {Encoding.UTF8.GetString(name)} of", path, DirectoryHandle.LastError());
        }
    }
}
