using Holdfast.Permissions.Rules;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>An entry's access lists beside those it should have.</summary>
internal readonly struct ListedAccess
{
    private readonly byte[]? _access;
    private readonly byte[]? _inherited;
    private readonly bool _differs;
    private readonly bool _differsInherited;

    private ListedAccess(uint mode, byte[]? access, bool differs, byte[]? inherited, bool differsInherited)
    {
        (Mode, _access, _differs, _inherited, _differsInherited) = (mode, access, differs, inherited, differsInherited);
    }

    /// <summary>The mode that goes with it.</summary>
    public uint Mode { get; }

    public bool IsRight => !_differs && !_differsInherited;

    /// <param name="held">The entry, held.</param>
    /// <param name="list">The list it should have.</param>
    /// <param name="status">What it is now.</param>
    /// <param name="mode">What a rule says of the mode: of its set-id and sticky bits, that is.</param>
    /// <param name="listed">What it has beside what it should have.</param>
    public static Errno Read(int held, AccessList list, in EntryStatus status, uint mode, out ListedAccess listed)
    {
        listed = default;
        var isDirectory = status.Kind == FileKind.Directory;
        var error = EntryCalls.ReadAttribute(held, AccessList.AccessName, out var access);
        if (error != Errno.None)
        {
            return error;
        }

        var wanted = list.Access(status.Permissions, isDirectory);
        byte[]? inherited = null;
        var wantsInherited = isDirectory && list.HasInherited;
        if (wantsInherited)
        {
            error = EntryCalls.ReadAttribute(held, AccessList.InheritedName, out inherited);
        }

        var special = mode & 0xE00;
        listed = new ListedAccess(
            special | (list.Mode(status.Permissions, isDirectory, access) & 0x1FF), wanted, !access.AsSpan().SequenceEqual(wanted),
            wantsInherited ? list.Inherited() : null, wantsInherited && !inherited.AsSpan().SequenceEqual(list.Inherited()));
        return error;
    }

    public Errno Write(int held)
    {
        var error = Errno.None;
        if (_differs)
        {
            error = EntryCalls.WriteAttribute(held, AccessList.AccessName, _access);
            if (error == Errno.None && _access is null)
            {
                // Without a list the group's bits are the mask's that was: say again what they are to be.
                error = EntryCalls.ChangeMode(held, Mode);
            }
        }

        return error == Errno.None && _differsInherited ? EntryCalls.WriteAttribute(held, AccessList.InheritedName, _inherited) : error;
    }
}
