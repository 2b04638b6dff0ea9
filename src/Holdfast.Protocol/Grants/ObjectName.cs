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
        _ => ObjectSpace.Numbered,
    };

    /// <summary>account/space/number: the last part of an object's URL on a pod.</summary>
    public override string ToString() => $"{Account}/{(byte)Space}/{Number}";
}
