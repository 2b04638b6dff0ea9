using System.Text;
using Holdfast.Posix;

namespace Holdfast.Permissions.Rules;

/// <summary>
/// Rules in a file: a line each, a pattern and what it means: <c>*.sh type=file mode=u+x</c>. Words: <c>type=</c> (file, directory, link, fifo, socket, block, character; several with commas), <c>mode=</c>, <c>owner=</c>,
/// <c>group=</c>, <c>acl=</c>. A pattern with blanks stands in double quotes; # begins a comment.
/// </summary>
internal static class RulesFile
{
    private static readonly Dictionary<string, FileKind> _kinds = new()
    {
        ["file"] = FileKind.File,
        ["directory"] = FileKind.Directory,
        ["link"] = FileKind.SymbolicLink,
        ["fifo"] = FileKind.Fifo,
        ["socket"] = FileKind.Socket,
        ["block"] = FileKind.BlockDevice,
        ["character"] = FileKind.CharacterDevice,
    };

    /// <exception cref="PermissionException">A line is not understood; the message has its number.</exception>
    public static IReadOnlyList<PermissionRule> Parse(string text, uint mask)
    {
        var rules = new List<PermissionRule>();
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            try
            {
                if (Words(line) is [var pattern, .. var words])
                {
                    rules.Add(ReadRule(pattern, words, mask));
                }
            }
            catch (PermissionException exception)
            {
                throw new PermissionException(exception.Problem, $"Line {number} of the rules: {exception.Message}", exception);
            }
        }

        return rules;
    }

    private static PermissionRule ReadRule(string pattern, IReadOnlyList<string> words, uint mask)
    {
        var rule = new PermissionRule { Pattern = PathPattern.Parse(pattern) };
        foreach (var word in words)
        {
            var equals = word.IndexOf('=', StringComparison.Ordinal);
            var (key, value) = equals < 0 ? (word, "") : (word[..equals], word[(equals + 1)..]);
            rule = key switch
            {
                "type" => rule with { Kinds = [.. value.Split(',').Select(name => _kinds.TryGetValue(name, out var kind) ? kind : throw Invalid($"there is no type \"{name}\"; types are {string.Join(", ", _kinds.Keys)}"))] },
                "mode" => rule with { Mode = ModeChange.Parse(value, mask) },
                "owner" => rule with { Owner = Owner(value) },
                "group" => rule with { Group = Group(value) },
                "acl" => rule with { AccessList = AccessList.Parse(value) },
                _ => throw Invalid($"\"{word}\" is not type=, mode=, owner=, group= or acl="),
            };
        }

        return rule is { Mode: null, Owner: null, Group: null, AccessList: null } ? throw Invalid("nothing is to be changed: name a mode, an owner, a group or an acl") : rule;
    }

    public static uint Owner(string name) => Principals.FindUser(name) ?? throw Invalid($"there is no user \"{name}\" here; give a number");

    public static uint Group(string name) => Principals.FindGroup(name) ?? throw Invalid($"there is no group \"{name}\" here; give a number");

    private static List<string> Words(string line)
    {
        var words = new List<string>();
        var word = new StringBuilder();
        var (quoted, begun) = (false, false);
        for (var i = 0; i < line.Length; i++)
        {
            var character = line[i];
            if (character == '"')
            {
                (quoted, begun) = (!quoted, true);
            }
            else if (character == '\\' && i + 1 < line.Length)
            {
                // Patterns read escapes themselves; here they only keep quotes and blanks.
                word.Append(character).Append(line[++i]);
                begun = true;
            }
            else if (!quoted && (char.IsWhiteSpace(character) || character == '#'))
            {
                if (begun)
                {
                    words.Add(word.ToString());
                    word.Clear();
                    begun = false;
                }

                if (character == '#')
                {
                    break;
                }
            }
            else
            {
                word.Append(character);
                begun = true;
            }
        }

        if (quoted)
        {
            throw Invalid("a quote is not closed");
        }

        if (begun)
        {
            words.Add(word.ToString());
        }

        return words;
    }

    private static PermissionException Invalid(string what) => new(PermissionProblem.Invalid, $"{char.ToUpperInvariant(what[0])}{what[1..]}.");
}
