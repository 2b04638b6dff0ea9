namespace Holdfast.Authority.DirectoryMoving;

/// <summary>What a database is to the service's directory. Of the database that the directory leaves, the row decides: until it says <see cref="Left"/> that one is home, and from then on the other is.</summary>
internal enum DirectoryState
{
    /// <summary>Nobody used it yet.</summary>
    New,

    /// <summary>The directory.</summary>
    Home,

    /// <summary>The directory, whose rows are being copied.</summary>
    Moving,

    /// <summary>The directory, which takes no writes for a moment; reads go on. Who waits for too long gives the move up.</summary>
    Frozen,

    /// <summary>It was the directory: the other one is. There is no way back but another move.</summary>
    Left,

    /// <summary>A copy is being made here.</summary>
    Incoming,

    /// <summary>The copy is whole. It is the directory as soon as the other one is left.</summary>
    Sealed,
}
