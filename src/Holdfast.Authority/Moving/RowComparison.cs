using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Compares rows up to a version that the target has, while the source is used: in the order of versions, where the first pass copies in the order of keys, so that no index hides a row of that from both. What is written meanwhile has a version
/// above it in the source, says nothing here, and is compared with what comes next, at last once the source is fenced: no row is compared at two moments, so none can differ by that.
/// </summary>
/// <param name="account">Whose.</param>
/// <param name="versions">Those that the target has, and that were not compared.</param>
/// <param name="source">One store.</param>
/// <param name="target">The other.</param>
/// <param name="turns">Whose turn it is to compare a large piece; null if that does not matter.</param>
internal sealed class RowComparison(AccountId account, VersionRange versions, IMoveSide source, IMoveSide target, MoveTurns? turns = null)
{
    private readonly HashSet<string> _onlyInTarget = [];

    /// <summary>Compares all, in pieces.</summary>
    /// <param name="rowsAtOnce">Rows of a piece.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The key of a row that differs; null if none does.</returns>
    public async Task<string?> FindDifferenceAsync(int rowsAtOnce, CancellationToken cancellation)
    {
        var (after, end) = ((string?)null, source.FindEndAsync(account, versions, null, rowsAtOnce, cancellation));
        do
        {
            var until = await end;
            using var turn = turns is null || (after is null && until is null) ? null : await turns.PieceAsync(cancellation);
            end = until is null ? end : source.FindEndAsync(account, versions, until, rowsAtOnce, cancellation);
            try
            {
                var sums = await Task.WhenAll(source.SumAsync(account, versions, after, until, cancellation), target.SumAsync(account, versions, after, until, cancellation));
                if ((sums[0] is null || sums[0] != sums[1]) && await FindDifferenceAsync(after, until, cancellation) is { } key)
                {
                    return key;
                }
            }
            finally
            {
                await ((Task)end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            after = until;
        }
        while (after is not null);

        return await FindUnknownAsync(rowsAtOnce, cancellation);
    }

    /// <summary>What the source had and has no more must have been written since, and so be among what comes next: rows go to later versions only, and are met there.</summary>
    private async Task<string?> FindUnknownAsync(int rowsAtOnce, CancellationToken cancellation)
    {
        var since = new VersionRange(versions.UpTo, long.MaxValue);
        string? after = null;
        while (_onlyInTarget.Count > 0)
        {
            var until = await source.FindEndAsync(account, since, after, rowsAtOnce, cancellation);
            _onlyInTarget.ExceptWith((await source.ReadMarksAsync(account, since, after, until, cancellation)).Select(mark => mark.Key));
            if (until is null)
            {
                break;
            }

            after = until;
        }

        return _onlyInTarget.FirstOrDefault();
    }

    /// <summary>Row by row: stores of two kinds, and where something was written meanwhile.</summary>
    private async Task<string?> FindDifferenceAsync(string? after, string? until, CancellationToken cancellation)
    {
        var marks = await Task.WhenAll(source.ReadMarksAsync(account, versions, after, until, cancellation), target.ReadMarksAsync(account, versions, after, until, cancellation));
        var there = marks[1].ToDictionary(mark => mark.Key);
        foreach (var mark in marks[0])
        {
            if (there.Remove(mark.Key, out var copy) ? (mark.Version, mark.Digest) != (copy.Version, copy.Digest) : IsRow(mark))
            {
                return mark.Key;
            }
        }

        _onlyInTarget.UnionWith(there.Values.Where(IsRow).Select(mark => mark.Key));
        return null;
    }

    /// <summary>A row, or the trace of one that was compared before: without it that one would live on in the target.</summary>
    private bool IsRow(RowMark mark) => !mark.IsDeleted || versions.Above > 0;
}
