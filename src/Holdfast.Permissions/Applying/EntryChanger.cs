using Holdfast.Permissions.Rules;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Applying;

/// <summary>Where it is written down, before a change of owner takes an entry's set-id bits or capabilities away, what to give back.</summary>
internal interface IPrivilegeKeeper
{
    void Keep(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, ulong inode, uint mode, byte[]? capability);
}

/// <summary>Makes one entry what it should be. What is looked at, decided on and changed is the same inode, whatever becomes of its name meanwhile: it is held by a descriptor, never followed.</summary>
internal sealed class EntryChanger(TreeRoot root, PermissionRules rules, IPrivilegeKeeper? keeper, Action<byte[]>? wrong)
{
    private const uint SetIds = 0xC00;

    /// <summary>Where so many in a row had to be changed, looking first is a call too many.</summary>
    private const int ChangesInARow = 16;

    /// <summary>Without a place to write down what a change of owner takes away, nothing is changed.</summary>
    private readonly bool _isDry = keeper is null;

    private int _changes;

    private static ReadOnlySpan<byte> Capability => "security.capability"u8;

    /// <param name="directory">The open directory.</param>
    /// <param name="path">The directory's path from the root.</param>
    /// <param name="name">With a zero byte; only that for the directory itself.</param>
    /// <param name="isDirectory">Whether it was a directory when it was listed: one in a file's place was not walked, and is another pass's.</param>
    /// <param name="error">Why, if it failed.</param>
    public EntryOutcome Change(int directory, ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, bool isDirectory, out Errno error)
    {
        if (_isDry || rules.NeedsAccessLists || _changes < ChangesInARow)
        {
            error = EntryCalls.Status(directory, name, out var seen);
            if (error != Errno.None)
            {
                return NotThere(ref error);
            }

            if (IsElsewhere(seen) || IsSwapped(seen, isDirectory))
            {
                return IsElsewhere(seen) ? EntryOutcome.MountPoint : EntryOutcome.Vanished;
            }

            var wanted = rules.Decide(path, name[..^1], seen);
            if (wanted.AccessList is null && IsRight(seen, wanted))
            {
                _changes = 0;
                return EntryOutcome.Right;
            }

            if (_isDry && wanted.AccessList is null)
            {
                return Wrong(path, name);
            }
        }

        error = EntryCalls.Hold(directory, name, out var held);
        if (error != Errno.None)
        {
            return NotThere(ref error);
        }

        try
        {
            var outcome = ChangeHeld(held, path, name, isDirectory, out error);
            _changes = outcome == EntryOutcome.Changed ? _changes + 1 : 0;
            return outcome;
        }
        finally
        {
            EntryCalls.Close(held);
        }
    }

    /// <summary>Gives back what a change of owner took from an entry, in a run that was killed in between.</summary>
    public static Errno GiveBack(int held, uint mode, byte[]? capability)
    {
        var error = EntryCalls.Status(held, out var status);
        if (error == Errno.None && status.Permissions != mode)
        {
            error = EntryCalls.ChangeMode(held, mode);
        }

        if (error == Errno.None && capability is not null)
        {
            error = EntryCalls.WriteAttribute(held, Capability, capability);
        }

        return error;
    }

    private static EntryOutcome NotThere(ref Errno error)
    {
        if (error is not (Errno.NoEntry or Errno.NotDirectory or Errno.StaleHandle))
        {
            return EntryOutcome.Failed;
        }

        error = Errno.None;
        return EntryOutcome.Vanished;
    }

    private static bool IsRight(in EntryStatus status, in Wanted wanted) =>
        status.Owner == wanted.Owner && status.Group == wanted.Group && (wanted.Mode is not { } mode || status.Permissions == mode);

    private EntryOutcome Wrong(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name)
    {
        wrong?.Invoke(EntryFailure.Join(path, name[..^1]));
        return EntryOutcome.Changed;
    }

    private static bool IsSwapped(in EntryStatus status, bool isDirectory) => status.Kind == FileKind.Directory != isDirectory;

    private bool IsElsewhere(in EntryStatus status) => !root.CrossMounts && status.Mount != root.Status.Mount;

    private EntryOutcome ChangeHeld(int held, ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, bool isDirectory, out Errno error)
    {
        error = EntryCalls.Status(held, out var status);
        if (error != Errno.None)
        {
            return EntryOutcome.Failed;
        }

        if (IsElsewhere(status) || IsSwapped(status, isDirectory))
        {
            return IsElsewhere(status) ? EntryOutcome.MountPoint : EntryOutcome.Vanished;
        }

        var wanted = rules.Decide(path, name[..^1], status);
        var listed = default(ListedAccess);
        if (wanted.AccessList is { } list)
        {
            error = ListedAccess.Read(held, list, status, wanted.Mode ?? wanted.Left, out listed);
            if (error != Errno.None)
            {
                return EntryOutcome.Failed;
            }

            wanted = wanted with { Mode = listed.Mode };
        }

        var isRight = IsRight(status, wanted) && listed.IsRight;
        if (isRight || _isDry)
        {
            return isRight ? EntryOutcome.Right : Wrong(path, name);
        }

        error = Write(held, path, name, status, wanted, listed);
        return error == Errno.None ? EntryOutcome.Changed : EntryOutcome.Failed;
    }

    /// <summary>Owner first, since that takes set-id bits away; then the mode, then the list, whose mask the mode would change.</summary>
    private Errno Write(int held, ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, EntryStatus status, in Wanted wanted, in ListedAccess listed)
    {
        var error = Errno.None;
        if (status.Owner != wanted.Owner || status.Group != wanted.Group)
        {
            byte[]? capability = null;
            var hasSetIds = status.Kind == FileKind.File && (status.Permissions & SetIds) != 0;
            var mustKeep = wanted.Mode is { } kept && (kept & SetIds) != 0;
            if (wanted.KeepsPrivileges && status.Kind == FileKind.File)
            {
                error = EntryCalls.ReadAttribute(held, Capability, out capability);
                if (error != Errno.None)
                {
                    return error;
                }

                if (capability is not null || mustKeep)
                {
                    keeper!.Keep(path, name[..^1], status.Inode, wanted.Mode ?? status.Permissions, capability);
                }
            }

            error = EntryCalls.ChangeOwner(held, wanted.Owner, wanted.Group);
            if (error == Errno.None && hasSetIds)
            {
                error = EntryCalls.Status(held, out status);
            }

            if (error == Errno.None && capability is not null)
            {
                error = EntryCalls.WriteAttribute(held, Capability, capability);
            }
        }

        if (error == Errno.None && wanted.Mode is { } mode && status.Permissions != mode)
        {
            error = EntryCalls.ChangeMode(held, mode);
        }

        return error == Errno.None ? listed.Write(held) : error;
    }
}
