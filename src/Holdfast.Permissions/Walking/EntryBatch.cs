namespace Holdfast.Permissions.Walking;

/// <summary>
/// Entries that are gone over together, in the order of their inodes: what lies together on the disk is read and written together, whatever directory names it. As large as memory allows: two are in memory at a time.
/// </summary>
internal sealed class EntryBatch
{
    public const int DefaultCapacity = 512 << 10;

    /// <summary>Names and paths of a batch, in bytes; one path more may always be added.</summary>
    private const int BytesPerEntry = 24;

    private readonly Item[] _items;
    private readonly int _bytesMax;
    private readonly List<(int Offset, int Length)> _directories = [];
    private readonly List<Item> _left = [];
    private byte[] _bytes;
    private int _used;
    private int _files;

    public EntryBatch(int capacity = DefaultCapacity)
    {
        _items = new Item[capacity];
        _bytesMax = capacity * BytesPerEntry;
        _bytes = new byte[_bytesMax];
    }

    /// <summary>Sixteen bytes: what is kept for each entry besides its name.</summary>
    private readonly record struct Item(ulong Inode, int Name, int Directory) : IComparable<Item>
    {
        public int CompareTo(Item other) => Inode.CompareTo(other.Inode);
    }

    /// <summary>A number that no other filling has: directories are known by it and their index.</summary>
    public long Serial { get; private set; }

    /// <summary>Where the walk stood when this was full: everything before is in it or in an earlier one.</summary>
    public WalkPosition End { get; set; } = WalkPosition.Begin;

    /// <summary>How much of the tree is gone over then, from 0 to 1, as far as one can know.</summary>
    public double Share { get; set; }

    public bool IsFull => _files == _items.Length || _left.Count == _items.Length || _used >= _bytesMax;

    /// <summary>How many directories its entries are in.</summary>
    public int Directories => _directories.Count;

    /// <summary>Entries that are no directories, in the order of their inodes.</summary>
    public int Files => _files;

    /// <summary>Directories that the walk has left, in the order in which it left them: after everything below.</summary>
    public int Left => _left.Count;

    /// <summary>Begins anew.</summary>
    public void Clear(long serial)
    {
        (Serial, _used, _files) = (serial, 0, 0);
        _directories.Clear();
        _left.Clear();
    }

    /// <returns>Its index in this batch.</returns>
    public int AddDirectory(ReadOnlySpan<byte> path)
    {
        _directories.Add((Append(path), path.Length));
        return _directories.Count - 1;
    }

    /// <param name="inode">The inode that the directory names.</param>
    /// <param name="directory">The index of its directory.</param>
    /// <param name="name">With its zero byte.</param>
    public void Add(ulong inode, int directory, ReadOnlySpan<byte> name)
    {
        _items[_files++] = new Item(inode, Append(name), directory);
    }

    /// <param name="directory">The index of its directory.</param>
    /// <param name="name">With its zero byte; only that for the tree's root.</param>
    public void AddLeft(int directory, ReadOnlySpan<byte> name)
    {
        _left.Add(new Item(0, Append(name), directory));
    }

    /// <summary>Sorts, once everything is there.</summary>
    public void Seal() => _items.AsSpan(0, _files).Sort();

    /// <summary>The entry at a place in the order of inodes.</summary>
    public BatchEntry File(int place) => Entry(_items[place]);

    public BatchEntry LeftDirectory(int place) => Entry(_left[place]);

    public ReadOnlySpan<byte> DirectoryPath(int directory) => _bytes.AsSpan(_directories[directory].Offset, _directories[directory].Length);

    private BatchEntry Entry(Item item)
    {
        var name = _bytes.AsSpan(item.Name);
        return new BatchEntry(item.Directory, name[..(name.IndexOf((byte)0) + 1)]);
    }

    private int Append(ReadOnlySpan<byte> bytes)
    {
        if (_used + bytes.Length > _bytes.Length)
        {
            Array.Resize(ref _bytes, Math.Max(_used + bytes.Length, _bytes.Length + (_bytes.Length >> 2)));
        }

        bytes.CopyTo(_bytes.AsSpan(_used));
        _used += bytes.Length;
        return _used - bytes.Length;
    }
}

/// <summary>An entry of a batch.</summary>
/// <param name="directory">The index of its directory in the batch.</param>
/// <param name="name">With its zero byte; only that for the tree's root.</param>
internal readonly ref struct BatchEntry(int directory, ReadOnlySpan<byte> name)
{
    public int Directory { get; } = directory;

    public ReadOnlySpan<byte> Name { get; } = name;
}
