namespace Holdfast.Permissions.Walking;

/// <summary>The names of directories in a directory, in the order of their bytes, gone through once.</summary>
internal sealed class SubdirectoryNames
{
    private readonly List<byte> _bytes = [];
    private readonly List<(int Offset, int Length)> _names = [];
    private int _next;

    public int Count => _names.Count;

    /// <summary>How many were taken.</summary>
    public int Taken => _next;

    /// <param name="name">Without a zero byte.</param>
    public void Add(ReadOnlySpan<byte> name)
    {
        _names.Add((_bytes.Count, name.Length));
        _bytes.AddRange(name);
    }

    public void Sort() => _names.Sort((a, b) => Name(a).SequenceCompareTo(Name(b)));

    /// <summary>Passes over what comes before a name, and that name too if <paramref name="andIt"/>.</summary>
    public void SkipTo(ReadOnlySpan<byte> name, bool andIt)
    {
        while (_next < _names.Count && Name(_names[_next]).SequenceCompareTo(name) is var order && (order < 0 || (order == 0 && andIt)))
        {
            _next++;
        }
    }

    /// <summary>The next name; false at the end.</summary>
    public bool TryTake(out ReadOnlySpan<byte> name)
    {
        if (_next == _names.Count)
        {
            name = default;
            return false;
        }

        name = Name(_names[_next++]);
        return true;
    }

    /// <summary>The name taken last; null if none was.</summary>
    public byte[]? Last => _next == 0 ? null : Name(_names[_next - 1]).ToArray();

    private ReadOnlySpan<byte> Name((int Offset, int Length) name) => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_bytes).Slice(name.Offset, name.Length);
}
