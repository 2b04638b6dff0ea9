namespace Holdfast.Posix;

/// <summary>The records of getdents64 (struct linux_dirent64): inode, position, length, type, name.</summary>
public ref struct DirectoryRecords(ReadOnlySpan<byte> records)
{
    private ReadOnlySpan<byte> _rest = records;

    /// <summary>The inode that the directory names; of a mount point, the one below the mount.</summary>
    public ulong Inode { get; private set; }

    /// <summary>The type that the directory knows (DT_…), or 0.</summary>
    public byte Type { get; private set; }

    /// <summary>The name, with the zero byte behind it.</summary>
    public ReadOnlySpan<byte> Name { get; private set; }

    /// <summary>Bytes not yet gone over.</summary>
    public readonly int Remaining => _rest.Length;

    /// <summary>Goes to the next name but "." and "..".</summary>
    public bool MoveNext()
    {
        while (!_rest.IsEmpty)
        {
            var length = BitConverter.ToUInt16(_rest[16..]);
            var record = _rest[..length];
            _rest = _rest[length..];
            var name = record[19..];
            name = name[..(name.IndexOf((byte)0) + 1)];
            if (name.SequenceEqual(".\0"u8) || name.SequenceEqual("..\0"u8))
            {
                continue;
            }

            Inode = BitConverter.ToUInt64(record);
            Type = record[18];
            Name = name;
            return true;
        }

        return false;
    }
}
