using Holdfast.Format.Objects;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>The names of one directory, sorted by their bytes: all of them in one array, so that a million names cost little more than their letters.</summary>
internal sealed class SortedNames
{
    private readonly byte[] _bytes;
    private readonly List<(int Start, int Length)> _names;

    private SortedNames(byte[] bytes, List<(int, int)> names)
    {
        _bytes = bytes;
        _names = names;
    }

    public int Count => _names.Count;

    public byte[] this[int index] => _bytes.AsSpan(_names[index].Start, _names[index].Length).ToArray();

    public static SortedNames Read(DirectoryHandle directory)
    {
        var writer = new ByteWriter(1024);
        var names = new List<(int Start, int Length)>();
        directory.List((name, _) =>
        {
            names.Add((writer.Length, name.Length));
            writer.Bytes(name);
        });
        var bytes = writer.ToArray();
        names.Sort((a, b) => bytes.AsSpan(a.Start, a.Length).SequenceCompareTo(bytes.AsSpan(b.Start, b.Length)));
        return new SortedNames(bytes, names);
    }
}
