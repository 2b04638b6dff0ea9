using System.Text;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Walking;

/// <summary>Which paths are walked, as a tree from the root: a snapshot mirrors absolute paths.</summary>
internal sealed class WalkPlan
{
    private readonly SortedDictionary<byte[], WalkPlan> _children = new(Comparer<byte[]>.Create(static (a, b) => a.AsSpan().SequenceCompareTo(b)));

    /// <summary>True where everything below is wanted.</summary>
    public bool IsWhole { get; private set; }

    public IReadOnlyDictionary<byte[], WalkPlan> Children => _children;

    /// <summary>The plan of paths that exist; directories on the way may be symbolic links, the last part is taken as it is.</summary>
    public static (WalkPlan Plan, IReadOnlyList<byte[]> Paths) Of(IEnumerable<string> paths)
    {
        var root = new WalkPlan();
        var resolved = new List<byte[]>();
        foreach (var path in paths)
        {
            var absolute = Resolve(path);
            root.Add(absolute);
            resolved.Add(absolute);
        }

        resolved.Sort(static (a, b) => a.AsSpan().SequenceCompareTo(b));
        return (root, resolved);
    }

    private void Add(byte[] path)
    {
        var node = this;
        foreach (var range in path.AsSpan().Split((byte)'/'))
        {
            if (path.AsSpan(range) is { IsEmpty: false } name)
            {
                var key = name.ToArray();
                if (!node._children.TryGetValue(key, out var child))
                {
                    node._children.Add(key, child = new WalkPlan());
                }

                node = child;
            }
        }

        node.IsWhole = true;
    }

    private static byte[] Resolve(string path)
    {
        if (path.Length == 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A path is empty.");
        }

        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (full == "/")
        {
            return "/"u8.ToArray();
        }

        try
        {
            // The kernel knows the real path of an open directory.
            using var parent = DirectoryHandle.Open(Path.GetDirectoryName(full)!);
            using var self = DirectoryHandle.Open("/proc/self/fd");
            var real = self.ReadLink(Encoding.ASCII.GetBytes(((int)parent.Handle.DangerousGetHandle()).ToString(System.Globalization.CultureInfo.InvariantCulture)));
            var name = Encoding.UTF8.GetBytes(Path.GetFileName(full));
            parent.Status(name);
            return [.. real.AsSpan().SequenceEqual("/"u8) ? [] : real, (byte)'/', .. name];
        }
        catch (PosixException exception) when (exception.Error is Errno.NoEntry or Errno.NotDirectory)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{path} does not exist.", exception);
        }
    }
}
