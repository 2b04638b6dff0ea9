namespace Holdfast.Client.Archiving;

/// <summary>Writes entries one after another, each begun, filled and ended, in constant memory.</summary>
internal interface IArchiveFormat
{
    /// <summary>True if a hard link can be written as one; else its content is written again.</summary>
    bool HasHardLinks { get; }

    /// <summary>Begins an entry; files are followed by all their bytes, what links to another entry is not.</summary>
    /// <returns>What readers of the archive will find different from what was backed up, or null if nothing.</returns>
    /// <exception cref="CannotHoldException">The format has no way to hold it; nothing was written.</exception>
    ValueTask<string?> BeginAsync(ArchiveEntry entry, CancellationToken cancellation);

    ValueTask WriteAsync(ReadOnlyMemory<byte> content, CancellationToken cancellation);

    /// <summary>Ends an entry whose content is all there.</summary>
    ValueTask EndAsync(CancellationToken cancellation);

    /// <summary>Ends an entry whose content could not be read to its end.</summary>
    /// <returns>What readers of the archive will find in its place.</returns>
    ValueTask<string> AbandonAsync(CancellationToken cancellation);

    /// <summary>Writes what stands behind the last entry.</summary>
    ValueTask FinishAsync(CancellationToken cancellation);
}

/// <summary>An archive of this format has no way to hold the entry.</summary>
internal sealed class CannotHoldException(string why) : Exception(why);
