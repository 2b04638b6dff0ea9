namespace Holdfast.Admission;

/// <summary>What work is for; the first goes first.</summary>
public enum WorkClass
{
    /// <summary>Somebody wants their files back: a share of the service is for these alone, and no gate refuses them.</summary>
    Restore,

    /// <summary>Somebody waits at a console, or signs in.</summary>
    Interactive,

    /// <summary>A backup of a computer that has not caught up since an outage.</summary>
    CatchingUp,

    /// <summary>A backup as every day.</summary>
    Backup,

    /// <summary>The service's own: compaction, scrub.</summary>
    Background,
}
