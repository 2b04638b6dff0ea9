using System.Collections.Frozen;
using Holdfast.Posix;

namespace Holdfast.Permissions.Rules;

/// <summary>Who owns what on a new server, by who owned it on the old one.</summary>
/// <remarks>
/// A map may send a number to one that it sends elsewhere (1000 to 1001, 1001 to 1002). Applied twice to the same file it would go wrong, and a run that was killed applies it twice to some. So such numbers first go to
/// numbers that nobody has, and from there to where they belong: two steps, each of which changes nothing when it is repeated.
/// </remarks>
public sealed class OwnerMap
{
    /// <summary>Numbers from here on are nobody's: above what distributions and user namespaces give away, below the reserved end.</summary>
    public const uint PassingFirst = 0xF5A0_0000;

    private readonly FrozenDictionary<uint, uint> _users;
    private readonly FrozenDictionary<uint, uint> _groups;

    private OwnerMap(IReadOnlyDictionary<uint, uint> users, IReadOnlyDictionary<uint, uint> groups)
    {
        _users = users.ToFrozenDictionary();
        _groups = groups.ToFrozenDictionary();
    }

    /// <summary>True if some number is sent to one that is itself sent elsewhere.</summary>
    public bool IsChained => Chained(_users).Count > 0 || Chained(_groups).Count > 0;

    /// <summary>
    /// Reads a map: a line each, <c>user OLD NEW</c> or <c>group OLD NEW</c>; # begins a comment. OLD is a number, or a name that this machine knows too; NEW likewise.
    /// </summary>
    /// <exception cref="PermissionException">A line is not understood, a name is unknown, or a number is sent to two places.</exception>
    public static OwnerMap Parse(string text)
    {
        var (users, groups) = (new Dictionary<uint, uint>(), new Dictionary<uint, uint>());
        var number = 0;
        foreach (var line in text.Split('\n'))
        {
            number++;
            var words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length == 0)
            {
                continue;
            }

            if (words.Length != 3 || words[0] is not ("user" or "group"))
            {
                throw Invalid(number, $"\"{line.Trim()}\" is not \"user OLD NEW\" or \"group OLD NEW\"");
            }

            var (map, find) = words[0] == "user" ? (users, (Func<string, uint?>)Principals.FindUser) : (groups, Principals.FindGroup);
            var from = find(words[1]) ?? throw Invalid(number, $"there is no {words[0]} \"{words[1]}\" here; give its number");
            var to = find(words[2]) ?? throw Invalid(number, $"there is no {words[0]} \"{words[2]}\" here; make it first, or give its number");
            if (from >= PassingFirst || to >= PassingFirst)
            {
                throw Invalid(number, $"numbers from {PassingFirst} on are kept for maps that send numbers in circles");
            }

            if (!map.TryAdd(from, to))
            {
                throw Invalid(number, $"{words[0]} {words[1]} is sent to two places");
            }
        }

        return new OwnerMap(users, groups);
    }

    /// <summary>The map in numbers: names may mean others later.</summary>
    public override string ToString() =>
        string.Concat(_users.OrderBy(pair => pair.Key).Select(pair => FormattableString.Invariant($"user {pair.Key} {pair.Value}\n"))) + string.Concat(_groups.OrderBy(pair => pair.Key).Select(pair => FormattableString.Invariant($"group {pair.Key} {pair.Value}\n")));

    /// <summary>The map as steps that may each be repeated: one, or two if it is chained.</summary>
    public IReadOnlyList<OwnerMap> Steps()
    {
        if (!IsChained)
        {
            return [this];
        }

        var (users, groups) = (Chained(_users), Chained(_groups));
        return [new OwnerMap(Passing(users), Passing(groups)), new OwnerMap(Arriving(_users, users), Arriving(_groups, groups))];
    }

    public uint MapUser(uint user) => _users.GetValueOrDefault(user, user);

    public uint MapGroup(uint group) => _groups.GetValueOrDefault(group, group);

    /// <summary>Numbers on a chain, at either end: all of them pass by numbers of nobody's.</summary>
    private static List<uint> Chained(FrozenDictionary<uint, uint> map)
    {
        var onChain = map.Where(pair => pair.Key != pair.Value && map.TryGetValue(pair.Value, out var next) && next != pair.Value).SelectMany(pair => new[] { pair.Key, pair.Value });
        return [.. onChain.Distinct().Order()];
    }

    private static Dictionary<uint, uint> Passing(List<uint> chained) =>
        chained.Select((from, index) => (from, to: PassingFirst + (uint)index)).ToDictionary(pair => pair.from, pair => pair.to);

    private static Dictionary<uint, uint> Arriving(FrozenDictionary<uint, uint> map, List<uint> chained)
    {
        var arriving = map.Where(pair => !chained.Contains(pair.Key)).ToDictionary();
        foreach (var (from, passing) in Passing(chained))
        {
            arriving[passing] = map[from];
        }

        return arriving;
    }

    private static PermissionException Invalid(int line, string what) => new(PermissionProblem.Invalid, $"Line {line} of the map of owners: {what}.");
}
