using Holdfast.Permissions.Walking;

namespace Holdfast.Permissions.Journaling;

/// <summary>What a journal says.</summary>
internal sealed record JournalState
{
    public required PermissionSettings Settings { get; init; }

    /// <summary>The inode of the tree's root.</summary>
    public required ulong Root { get; init; }

    /// <summary>Which step, from 0.</summary>
    public int Step { get; init; }

    /// <summary>Which pass of the step, from 1; the first changes, the others look whether anything was missed.</summary>
    public int Pass { get; init; } = 1;

    /// <summary>How far the pass came.</summary>
    public WalkPosition Position { get; init; } = WalkPosition.Begin;

    /// <summary>What came of the entries of this pass.</summary>
    public EntryCounts Counts { get; init; }

    /// <summary>How many entries were changed in all passes before.</summary>
    public long Changed { get; init; }

    /// <summary>How many of those by a pass that was not its step's first.</summary>
    public long Missed { get; init; }

    /// <summary>How long it was worked on, in milliseconds.</summary>
    public long Worked { get; init; }

    /// <summary>Where the record of this pass's first failure may begin.</summary>
    public long PassOffset { get; init; }

    public bool IsFinished { get; init; }

    /// <summary>What may have to be given back, since the run was killed.</summary>
    public List<KeptPrivilege> Kept { get; init; } = [];
}

/// <summary>What a change of owner takes away, written down before.</summary>
internal sealed record KeptPrivilege(byte[] Directory, byte[] Name, ulong Inode, uint Mode, byte[]? Capability);
