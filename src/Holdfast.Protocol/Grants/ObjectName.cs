using System.Globalization;
using Holdfast.Format.Objects;

namespace Holdfast.Protocol.Grants;

/// <summary>Names an object on pods.</summary>
public readonly record struct ObjectName(AccountId Account, ObjectSpace Space, ulong Number)
{
    /// <summary>The name under which an object with this header belongs.</summary>
    public static ObjectName Of(ObjectHeader header) => new(header.Account, SpaceOf(header.Type), header.Name);

    public static ObjectSpace SpaceOf(ObjectType type) => type switch
    {
        ObjectType.Head => ObjectSpace.Heads,
        ObjectType.LogStatement => ObjectSpace.Log,
        ObjectType.Keyring => ObjectSpace.Keyrings,
        ObjectType.SelfBackup => ObjectSpace.SelfBackups,
        _ => ObjectSpace.Numbered,
    };

    /// <summary>What a grant to list names: whatever there is.</summary>
    public static ObjectName Everything => default;

    /// <summary>A part of a self-backup.</summary>
    public static ObjectName OfSelfBackup(uint number, uint part) => new(default, ObjectSpace.SelfBackups, ((ulong)number << 32) | part);

    /// <summary>What a grant to close an account names: all of it.</summary>
    public static ObjectName All(AccountId account) => new(account, default, 0);

    /// <summary>Behind every object of this account and space, and before the next space's: a place to go on listing from.</summary>
    public static ObjectName EndOf(AccountId account, ObjectSpace space) => new(account, space, long.MaxValue);

    /// <summary>Behind every object of this account, and before the next account's.</summary>
    public static ObjectName EndOf(AccountId account) => new(account, (ObjectSpace)byte.MaxValue, long.MaxValue);

    /// <summary>Reads account/space/number.</summary>
    public static bool TryParse(string? text, out ObjectName name)
    {
        name = default;
        if (text?.Split('/') is not [var account, var space, var number] || !AccountId.TryParse(account, out var id)
            || !byte.TryParse(space, NumberStyles.None, CultureInfo.InvariantCulture, out var ofSpace) || !ulong.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var value))
        {
            return false;
        }

        name = new ObjectName(id, (ObjectSpace)ofSpace, value);
        return true;
    }

    /// <summary>account/space/number: the last part of an object's URL on a pod.</summary>
    public override string ToString() => $"{Account}/{(byte)Space}/{Number}";
}
