namespace Holdfast.Permissions;

/// <summary>Why a change of permissions cannot be begun, or cannot go on.</summary>
public enum PermissionProblem
{
    /// <summary>A mode, an owner, an access list, a rule, a map or a number of threads that cannot be.</summary>
    Invalid,

    /// <summary>The tree is not there, or no directory.</summary>
    NoTree,

    /// <summary>There is no run of this tree to go on with.</summary>
    NoJournal,

    /// <summary>The last run of this tree has ended: there is nothing to go on with.</summary>
    Ended,

    /// <summary>A run of this tree was begun and has not ended.</summary>
    Unfinished,

    /// <summary>Another process works on this tree.</summary>
    Running,

    /// <summary>The journal is another tree's.</summary>
    ForeignJournal,

    /// <summary>The journal is damaged in its middle.</summary>
    DamagedJournal,

    /// <summary>Nothing can be changed here: the file system is read-only.</summary>
    ReadOnly,

    /// <summary>The journal's disk is full.</summary>
    Full,
}

/// <summary>A change of permissions cannot be begun, or cannot go on. The message says what to do; nothing is half done, and the journal says how far it came.</summary>
public sealed class PermissionException(PermissionProblem problem, string message, Exception? inner = null) : Exception(message, inner)
{
    public PermissionProblem Problem { get; } = problem;
}
