using Holdfast.Posix;

namespace Holdfast.Permissions.Rules;

/// <summary>Decides for every entry what it should be: for each of mode, owner, group and access list, the last rule that concerns the entry and names it.</summary>
internal sealed class PermissionRules
{
    private const uint SetIds = 0xC00;

    private readonly PermissionRule[] _rules;
    private readonly OwnerMap? _map;

    public PermissionRules(IEnumerable<PermissionRule> rules, OwnerMap? map)
    {
        _rules = [.. rules];
        _map = map;
        NeedsAccessLists = _rules.Any(rule => rule.AccessList is not null);
    }

    /// <summary>True if looking at an entry's mode and owners is not enough.</summary>
    public bool NeedsAccessLists { get; }

    /// <param name="directory">The path of its directory from the tree's root.</param>
    /// <param name="name">Empty for the tree's root.</param>
    /// <param name="status">What it is now.</param>
    public Wanted Decide(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, in EntryStatus status)
    {
        var kind = status.Kind;
        (ModeChange? mode, uint? owner, uint? group, AccessList? list) = (null, null, null, null);
        foreach (var rule in _rules)
        {
            if (rule.Concerns(directory, name, kind))
            {
                (mode, owner, group, list) = (rule.Mode ?? mode, rule.Owner ?? owner, rule.Group ?? group, rule.AccessList ?? list);
            }
        }

        // A symbolic link has an owner, and nothing else of its own.
        if (kind == FileKind.SymbolicLink)
        {
            (mode, list) = (null, null);
        }

        // New numbers for the same owners; a rule that names somebody goes before.
        var keeps = _map is not null && owner is null && group is null;
        var (newOwner, newGroup) = (owner ?? _map?.MapUser(status.Owner) ?? status.Owner, group ?? _map?.MapGroup(status.Group) ?? status.Group);

        // A mode says what becomes of the bits that are left: never does a program that ran as one owner run as another by it.
        var isGivenAway = !keeps && kind != FileKind.Directory && (newOwner != status.Owner || newGroup != status.Group);
        var left = isGivenAway ? status.Permissions & ~SetIds : status.Permissions;
        return new Wanted(mode?.Apply(left, kind == FileKind.Directory) ?? (keeps && kind != FileKind.SymbolicLink ? left : null), newOwner, newGroup, left, list, keeps);
    }
}
