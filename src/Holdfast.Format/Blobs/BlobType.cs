namespace Holdfast.Format.Blobs;

/// <summary>What a blob holds; hashed into its id, so that a tree can never be taken for data.</summary>
public enum BlobType : byte
{
    /// <summary>A chunk of a file.</summary>
    Data = 1,

    /// <summary>A node of a directory.</summary>
    Tree = 2,

    /// <summary>A node of a file's chunk list.</summary>
    List = 3,

    /// <summary>Extended attributes that do not fit their entry.</summary>
    Attributes = 4,
}
