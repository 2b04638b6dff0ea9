using Holdfast.Permissions.Rules;

namespace Holdfast.Permissions;

/// <summary>What is to be changed in which tree, in the words it was asked in: kept in the journal, so that a run goes on with what it was begun with.</summary>
public sealed record PermissionSettings
{
    /// <summary>The tree's root.</summary>
    public required string Tree { get; init; }

    /// <summary>Octal or symbolic, as chmod takes it.</summary>
    public string? Mode { get; init; }

    public string? Owner { get; init; }

    public string? Group { get; init; }

    /// <summary>As setfacl --set takes it, or "none".</summary>
    public string? AccessList { get; init; }

    /// <summary>The text of a file of rules (<see cref="RulesFile"/>).</summary>
    public string? Rules { get; init; }

    /// <summary>The text of a map of owners (<see cref="OwnerMap.Parse"/>).</summary>
    public string? OwnerMap { get; init; }

    /// <summary>Goes over mount points too.</summary>
    public bool CrossMounts { get; init; }

    /// <summary>What symbolic modes without a class leave alone.</summary>
    public uint Mask { get; init; }

    /// <summary>Looks whether it can be understood on this machine.</summary>
    /// <exception cref="PermissionException">Something of it is not, or nothing is to be changed.</exception>
    public void Check() => _ = Steps();

    /// <summary>The rules of each step; the second is there if the map sends numbers in circles.</summary>
    /// <exception cref="PermissionException">Something of it is not understood, or nothing is to be changed.</exception>
    internal IReadOnlyList<PermissionRules> Steps()
    {
        if (this is { Mode: null, Owner: null, Group: null, AccessList: null, Rules: null, OwnerMap: null })
        {
            throw new PermissionException(PermissionProblem.Invalid, "Nothing is to be changed: give --mode, --owner, --group, --acl, --rules or --map-owners.");
        }

        var rules = new List<PermissionRule>
        {
            new()
            {
                Mode = Mode is null ? null : ModeChange.Parse(Mode, Mask),
                Owner = Owner is null ? null : RulesFile.Owner(Owner),
                Group = Group is null ? null : RulesFile.Group(Group),
                AccessList = AccessList is null ? null : Permissions.Rules.AccessList.Parse(AccessList),
            },
        };
        rules.AddRange(Rules is null ? [] : RulesFile.Parse(Rules, Mask));
        var maps = OwnerMap is null ? [] : Permissions.Rules.OwnerMap.Parse(OwnerMap).Steps();
        return maps.Count == 2
            ? [new PermissionRules([], maps[0]), new PermissionRules(rules, maps[1])]
            : [new PermissionRules(rules, maps.SingleOrDefault())];
    }

    /// <summary>The map, in numbers, if a tree that was changed must not be changed so again, since the map sends numbers on that it sends others to; else null.</summary>
    internal string? MapOnce => OwnerMap is not null && Permissions.Rules.OwnerMap.Parse(OwnerMap) is { IsChained: true } map ? map.ToString() : null;

    /// <summary>The same with numbers instead of names in the map: a run that is gone on with later means whom it meant.</summary>
    internal PermissionSettings Resolved() => OwnerMap is null ? this : this with { OwnerMap = Permissions.Rules.OwnerMap.Parse(OwnerMap).ToString() };
}
