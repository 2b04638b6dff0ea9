namespace Holdfast.Format.Objects;

/// <summary>What lies on pods. The value is a byte of the header and a part of the object's name.</summary>
public enum ObjectType : byte
{
    Pack = 1,
    IndexSegment = 2,
    Snapshot = 3,
    MapPage = 4,
    Keyring = 5,
    LogStatement = 6,
    Head = 7,

    /// <summary>A part of a copy of the service's own databases: of no account, and sealed by the service.</summary>
    SelfBackup = 8,
}

/// <summary>What a derived key seals; part of the key's derivation and of the associated data, so that nothing passes for something else.</summary>
public enum SealedType : byte
{
    DataFrame = 1,
    TreeFrame = 2,
    BlobTable = 3,
    IndexPage = 4,
    SnapshotBody = 5,
    KeyringBody = 6,
    KeyringSlot = 7,
    SessionKey = 8,
    GroupKeys = 9,
}
