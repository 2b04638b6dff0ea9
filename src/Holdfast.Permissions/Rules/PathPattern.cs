using System.Buffers;
using System.Globalization;
using System.Text;

namespace Holdfast.Permissions.Rules;

/// <summary>
/// A pattern over names, which are bytes. Without a slash it matches a name anywhere; with one, a path: from the tree's root if it begins with a slash, else from anywhere.
/// <c>*</c> and <c>?</c> match within a name, <c>[a-z]</c> one of several bytes, <c>**</c> any number of directories; <c>\</c> takes the next character as it is, <c>\xff</c> is a byte.
/// </summary>
internal sealed class PathPattern
{
    private readonly byte[]? _name;
    private readonly byte[][]? _path;

    private PathPattern(byte[]? name, byte[][]? path)
    {
        _name = name;
        _path = path;
    }

    /// <summary>True if it looks at directories' names too.</summary>
    public bool NeedsPath => _path is not null;

    /// <exception cref="PermissionException">A bracket or an escape is not ended.</exception>
    public static PathPattern Parse(string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text.Length > 1 ? text.TrimEnd('/') : text);
        Check(bytes, text);
        if (!bytes.Contains((byte)'/'))
        {
            return new PathPattern(bytes, null);
        }

        var anchored = bytes[0] == '/';
        var components = new List<byte[]>();
        foreach (var range in bytes.AsSpan(anchored ? 1 : 0).Split((byte)'/'))
        {
            components.Add(bytes.AsSpan(anchored ? 1 : 0)[range].ToArray());
        }

        return new PathPattern(null, anchored ? bytes.Length == 1 ? [] : [.. components] : [[(byte)'*', (byte)'*'], .. components]);
    }

    /// <param name="directory">The path of the entry's directory from the tree's root; empty for the root.</param>
    /// <param name="name">Empty for the root itself.</param>
    public bool Matches(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name)
    {
        if (_path is null)
        {
            return MatchesName(_name, name.IsEmpty ? "."u8 : name);
        }

        if (name.IsEmpty)
        {
            return MatchesPath(_path, []);
        }

        if (directory.IsEmpty)
        {
            return MatchesPath(_path, name);
        }

        var length = directory.Length + 1 + name.Length;
        var rented = length > 1024 ? ArrayPool<byte>.Shared.Rent(length) : null;
        var path = rented is null ? stackalloc byte[length] : rented.AsSpan(0, length);
        directory.CopyTo(path);
        path[directory.Length] = (byte)'/';
        name.CopyTo(path[(directory.Length + 1)..]);
        var matches = MatchesPath(_path, path);
        if (rented is not null)
        {
            ArrayPool<byte>.Shared.Return(rented);
        }

        return matches;
    }

    private static bool MatchesPath(ReadOnlySpan<byte[]> pattern, ReadOnlySpan<byte> path)
    {
        while (true)
        {
            if (pattern.IsEmpty)
            {
                return path.IsEmpty;
            }

            if (pattern[0] is [(byte)'*', (byte)'*'])
            {
                // Any number of directories: what follows may begin at any of them. At the end, whatever is below.
                if (pattern.Length == 1)
                {
                    return !path.IsEmpty;
                }

                for (var rest = path; !rest.IsEmpty;)
                {
                    if (MatchesPath(pattern[1..], rest))
                    {
                        return true;
                    }

                    var slash = rest.IndexOf((byte)'/');
                    rest = slash < 0 ? [] : rest[(slash + 1)..];
                }

                return false;
            }

            if (path.IsEmpty)
            {
                return false;
            }

            var end = path.IndexOf((byte)'/');
            if (!MatchesName(pattern[0], end < 0 ? path : path[..end]))
            {
                return false;
            }

            pattern = pattern[1..];
            path = end < 0 ? [] : path[(end + 1)..];
        }
    }

    /// <summary>Matches one name, going back to the last star where it fails: never more than the product of both lengths.</summary>
    private static bool MatchesName(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> name)
    {
        var (p, n, star, starred) = (0, 0, -1, 0);
        while (n < name.Length)
        {
            if (p < pattern.Length && pattern[p] == '*')
            {
                (star, starred) = (p++, n);
            }
            else if (p < pattern.Length && MatchesOne(pattern[p..], name[n..], out var patternUsed, out var nameUsed))
            {
                (p, n) = (p + patternUsed, n + nameUsed);
            }
            else if (star >= 0)
            {
                (p, n) = (star + 1, ++starred);
            }
            else
            {
                return false;
            }
        }

        return pattern[p..].IndexOfAnyExcept((byte)'*') < 0;
    }

    private static bool MatchesOne(ReadOnlySpan<byte> pattern, ReadOnlySpan<byte> name, out int patternUsed, out int nameUsed)
    {
        (patternUsed, nameUsed) = (1, 1);
        switch (pattern[0])
        {
            case (byte)'?':
                // A character, not a part of one; a byte that belongs to none counts as one.
                nameUsed = Rune.DecodeFromUtf8(name, out _, out var length) == OperationStatus.Done ? length : 1;
                return true;
            case (byte)'[':
                return MatchesBracket(pattern, name[0], out patternUsed);
            default:
                return Literal(pattern, out patternUsed) == name[0];
        }
    }

    private static bool MatchesBracket(ReadOnlySpan<byte> pattern, byte value, out int used)
    {
        var at = 1;
        var negated = pattern[at] is (byte)'!' or (byte)'^';
        at += negated ? 1 : 0;
        var (matches, first) = (false, true);
        while (first || pattern[at] != ']')
        {
            first = false;
            var low = Literal(pattern[at..], out var length);
            at += length;
            var high = low;
            if (pattern[at] == '-' && pattern[at + 1] != ']')
            {
                high = Literal(pattern[(at + 1)..], out length);
                at += 1 + length;
            }

            matches |= value >= low && value <= high;
        }

        used = at + 1;
        return matches != negated;
    }

    private static byte Literal(ReadOnlySpan<byte> pattern, out int used)
    {
        if (pattern[0] != '\\')
        {
            used = 1;
            return pattern[0];
        }

        if (pattern[1] == 'x')
        {
            used = 4;
            return byte.Parse(pattern[2..4], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
        }

        used = 2;
        return pattern[1];
    }

    private static void Check(ReadOnlySpan<byte> pattern, string text)
    {
        for (var at = 0; at < pattern.Length;)
        {
            var used = 1;
            if (pattern[at] == '[')
            {
                used = BracketLength(pattern[at..]);
            }
            else if (pattern[at] == '\\')
            {
                used = EscapeLength(pattern[at..]);
            }

            if (used < 0)
            {
                throw new PermissionException(PermissionProblem.Invalid, $"\"{text}\" is no pattern: a bracket is not closed, or an escape (\\xff, \\*) is cut short. Write \\[ or \\\\ for the character itself.");
            }

            at += used;
        }
    }

    /// <summary>The length up to the closing bracket; -1 if there is none.</summary>
    private static int BracketLength(ReadOnlySpan<byte> pattern)
    {
        var at = pattern.Length > 1 && pattern[1] is (byte)'!' or (byte)'^' ? 2 : 1;
        for (var first = true; at < pattern.Length && (first || pattern[at] != ']'); first = false)
        {
            var used = pattern[at] == '\\' ? EscapeLength(pattern[at..]) : pattern[at] == '/' ? -1 : 1;
            if (used < 0)
            {
                return -1;
            }

            at += used;
            if (at + 1 < pattern.Length && pattern[at] == '-' && pattern[at + 1] != ']')
            {
                var high = pattern[at + 1] == '\\' ? EscapeLength(pattern[(at + 1)..]) : pattern[at + 1] == '/' ? -1 : 1;
                if (high < 0)
                {
                    return -1;
                }

                at += 1 + high;
            }
        }

        return at < pattern.Length ? at + 1 : -1;
    }

    private static int EscapeLength(ReadOnlySpan<byte> pattern) =>
        pattern.Length < 2 || pattern[1] == '/' ? -1
        : pattern[1] != 'x' ? 2
        : pattern.Length >= 4 && byte.TryParse(pattern[2..4], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out _) ? 4 : -1;
}
