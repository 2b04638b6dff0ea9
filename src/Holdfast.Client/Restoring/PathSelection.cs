using System.Text;

namespace Holdfast.Client.Restoring;

/// <summary>Which paths of a snapshot are wanted: all, or some with everything below them.</summary>
internal sealed class PathSelection
{
    private readonly List<byte[][]> _wanted;
    private readonly HashSet<byte[][]> _reached = [];

    public PathSelection(IEnumerable<string> paths)
    {
        _wanted = [.. paths.Select(path => path.Split('/', StringSplitOptions.RemoveEmptyEntries).Select(Encoding.UTF8.GetBytes).ToArray())];
    }

    /// <summary>True if the entry is wanted or leads to one that is.</summary>
    public bool Includes(IReadOnlyList<byte[]> parents, byte[] name) => _wanted.Count == 0 || _wanted.Exists(path =>
    {
        for (var i = 0; i < Math.Min(path.Length, parents.Count + 1); i++)
        {
            var component = i < parents.Count ? parents[i] : name;
            if (!component.AsSpan().SequenceEqual(path[i]))
            {
                return false;
            }
        }

        if (parents.Count + 1 >= path.Length)
        {
            _reached.Add(path);
        }

        return true;
    });

    /// <summary>The one name that is wanted at this place, if there is just one: only its nodes are read then.</summary>
    public byte[]? OnlyName(IReadOnlyList<byte[]> parents) => _wanted.Count == 1 && parents.Count < _wanted[0].Length ? _wanted[0][parents.Count] : null;

    /// <summary>Wanted paths that were not met.</summary>
    public IEnumerable<string> Missing => _wanted.Where(path => !_reached.Contains(path)).Select(path => "/" + string.Join('/', path.Select(Encoding.UTF8.GetString)));
}
