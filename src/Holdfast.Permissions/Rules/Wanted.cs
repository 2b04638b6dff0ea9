namespace Holdfast.Permissions.Rules;

/// <summary>What an entry should be.</summary>
/// <param name="Mode">Permission, set-id and sticky bits; null leaves them as they are once the owner is changed.</param>
/// <param name="Owner">The number of its user.</param>
/// <param name="Group">The number of its group.</param>
/// <param name="Left">What a change of owner leaves of the bits it has: no set-id bits of files, which would be the new owner's.</param>
/// <param name="AccessList">Null leaves the entry's own.</param>
/// <param name="KeepsPrivileges">The owner stays who it was, under another number: set-id bits and capabilities, which a change of owner takes away, are given back.</param>
internal readonly record struct Wanted(uint? Mode, uint Owner, uint Group, uint Left, AccessList? AccessList, bool KeepsPrivileges);
