using Holdfast.Authority.Placing;
using Holdfast.Format.Indexes;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Authority.Committing;

/// <summary>Which packs an index segment covers and which segments it replaces, from its plain head: all that the server knows of it.</summary>
internal static class SegmentNumbers
{
    /// <summary>Packs that one segment may cover, and segments it may replace: bounds the transaction.</summary>
    private const int CoveredMax = 1 << 16;

    /// <summary>The plain head of a segment with the most numbers it may have.</summary>
    private static readonly int _headLength = ObjectHeader.Length + SegmentLayout.HeadLength(2 * CoveredMax);

    public static async Task<(uint[] PacksCovered, uint[] SegmentsReplaced)> ReadAsync(PodClient pod, AccountId account, ulong number, long length, CancellationToken cancellation)
    {
        var bytes = await pod.GetAsync(new ObjectName(account, ObjectSpace.Numbered, number), 0, Math.Min(length, _headLength), cancellation);
        return SegmentLayout.ParseNumbers(bytes.AsSpan(ObjectHeader.Length), CoveredMax);
    }
}
