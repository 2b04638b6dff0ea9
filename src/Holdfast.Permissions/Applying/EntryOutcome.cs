namespace Holdfast.Permissions.Applying;

/// <summary>What came of an entry.</summary>
internal enum EntryOutcome
{
    /// <summary>It was as it should be; nothing was written.</summary>
    Right,

    /// <summary>It was changed, or would be in a dry run.</summary>
    Changed,

    /// <summary>It was gone: deleted or moved since its directory was read.</summary>
    Vanished,

    /// <summary>Something else is mounted there.</summary>
    MountPoint,

    /// <summary>It could not be changed.</summary>
    Failed,
}
