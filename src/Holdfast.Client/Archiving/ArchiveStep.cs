using Holdfast.Format.Trees;

namespace Holdfast.Client.Archiving;

/// <summary>What the reader hands to the writer, in the order of the archive.</summary>
internal abstract record ArchiveStep
{
    /// <summary>An entry begins; <paramref name="Done"/> is told whether it got in whole.</summary>
    internal sealed record Begin(ArchiveEntry Entry, TaskCompletionSource<bool> Done) : ArchiveStep;

    /// <summary>Between two entries: something could not be read.</summary>
    internal sealed record Trouble(string Path, string Reason) : ArchiveStep;

    /// <summary>A chunk of it, being fetched.</summary>
    internal sealed record Chunk(Task<ChunkBuffer> Bytes) : ArchiveStep;

    /// <summary>Zeros of it.</summary>
    internal sealed record Hole(ulong Length) : ArchiveStep;

    /// <summary>It is over; <paramref name="Failure"/> says why its content goes no further, if it does not.</summary>
    internal sealed record End(string? Failure) : ArchiveStep;
}

/// <summary>A chunk in a buffer of the pool, which whoever consumes it gives back.</summary>
internal readonly record struct ChunkBuffer(byte[] Buffer, int Length)
{
    public ReadOnlyMemory<byte> Bytes => Buffer.AsMemory(0, Length);
}
