using System.IO.Enumeration;
using System.Text;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>What a backup leaves out.</summary>
public sealed record ExclusionOptions
{
    /// <summary>Patterns: without a slash they match a name anywhere; with one, a path from its start (leading slash) or from anywhere. *, ? and ** are wild.</summary>
    public IReadOnlyList<string> Patterns { get; init; } = [];

    /// <summary>Leaves out the content of directories that hold a file of this name.</summary>
    public IReadOnlyList<string> IfPresent { get; init; } = [];

    /// <summary>Leaves out the content of directories marked by a CACHEDIR.TAG.</summary>
    public bool Caches { get; init; }

    /// <summary>Stays on the file systems of the paths given.</summary>
    public bool OneFileSystem { get; init; }

    /// <summary>Leaves out files longer than this many bytes.</summary>
    public long? LargerThan { get; init; }
}

/// <summary>Decides, name by name.</summary>
internal sealed class Exclusions
{
    private static readonly byte[] _cacheTag = "CACHEDIR.TAG"u8.ToArray();
    private static readonly byte[] _cacheSignature = "Signature: 8a477f597d28d172789f06886806bc55"u8.ToArray();

    private readonly ExclusionOptions _options;
    private readonly List<string> _names = [];
    private readonly List<string[]> _anchored = [];
    private readonly List<byte[]> _ifPresent;
    private (ulong Device, ulong Inode)? _ownCache;

    public Exclusions(ExclusionOptions options)
    {
        _options = options;
        _ifPresent = [.. options.IfPresent.Select(Encoding.UTF8.GetBytes)];
        foreach (var pattern in options.Patterns)
        {
            var trimmed = pattern.TrimEnd('/');
            if (!trimmed.Contains('/', StringComparison.Ordinal))
            {
                _names.Add(trimmed);
            }
            else
            {
                _anchored.Add(trimmed.StartsWith('/') ? trimmed[1..].Split('/') : ["**", .. trimmed.Split('/')]);
            }
        }
    }

    /// <summary>What was asked for, and this program's own cache.</summary>
    public static Exclusions Of(ExclusionOptions options, Computers.ComputerFolders folders) =>
        new(options) { _ownCache = CacheOf(folders) };

    public bool OneFileSystem => _options.OneFileSystem;

    /// <summary>True if the entry at <paramref name="path"/> (components from the root) is left out.</summary>
    public bool Excludes(IReadOnlyList<byte[]> path, byte[] name, in FileStatus status)
    {
        if (status.Kind == FileKind.File && _options.LargerThan is { } largest && status.Size > largest)
        {
            return true;
        }

        if (_names.Count == 0 && _anchored.Count == 0)
        {
            return false;
        }

        var text = Encoding.UTF8.GetString(name);
        if (_names.Any(pattern => FileSystemName.MatchesSimpleExpression(pattern, text, ignoreCase: false)))
        {
            return true;
        }

        if (_anchored.Count == 0)
        {
            return false;
        }

        string[] components = [.. path.Select(Encoding.UTF8.GetString), text];
        return _anchored.Any(pattern => Matches(pattern, components));
    }

    /// <summary>True if the content of this directory is left out.</summary>
    public bool ExcludesContent(DirectoryHandle directory, in FileStatus status) =>
        _ownCache == (status.Device, status.Inode) || _ifPresent.Any(name => directory.TryStatus(name) is not null) || (_options.Caches && IsCache(directory));

    /// <summary>By identity: the path may lead there in several ways.</summary>
    private static (ulong, ulong)? CacheOf(Computers.ComputerFolders folders)
    {
        if (!Directory.Exists(folders.Cache))
        {
            return null;
        }

        using var cache = DirectoryHandle.Open(folders.Cache);
        var status = DirectoryHandle.StatusOf(cache.Handle);
        return (status.Device, status.Inode);
    }

    private static bool IsCache(DirectoryHandle directory)
    {
        if (directory.TryStatus(_cacheTag) is not { Kind: FileKind.File })
        {
            return false;
        }

        using var file = directory.OpenFile(_cacheTag, OpenFlags.ReadOnly);
        var start = new byte[_cacheSignature.Length];
        return PosixFile.ReadFull(file, start, 0, "CACHEDIR.TAG") == start.Length && start.AsSpan().SequenceEqual(_cacheSignature);
    }

    private static bool Matches(ReadOnlySpan<string> pattern, ReadOnlySpan<string> path)
    {
        if (pattern.IsEmpty)
        {
            return path.IsEmpty;
        }

        if (pattern[0] == "**")
        {
            return Matches(pattern[1..], path) || (!path.IsEmpty && Matches(pattern, path[1..]));
        }

        return !path.IsEmpty && FileSystemName.MatchesSimpleExpression(pattern[0], path[0], ignoreCase: false) && Matches(pattern[1..], path[1..]);
    }
}
