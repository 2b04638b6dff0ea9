using Holdfast.Format.Objects;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Compares all rows up to a version that the target has, while the source is used. What is written meanwhile has a higher version on one side at least, says nothing here, and is compared once the source is fenced: no row is
/// compared at two moments, so none can differ by that.
/// </summary>
/// <param name="account">Whose.</param>
/// <param name="version">The last that the target has.</param>
/// <param name="source">One store.</param>
/// <param name="target">The other.</param>
internal sealed class RowComparison(AccountId account, long version, IMoveSide source, IMoveSide target)
{
    /// <summary>Compares all, in pieces.</summary>
    /// <param name="rowsAtOnce">Rows of a piece.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The key of a row that differs; null if none does.</returns>
    public async Task<string?> FindDifferenceAsync(int rowsAtOnce, CancellationToken cancellation)
    {
        var (after, end) = ((string?)null, source.FindEndAsync(account, null, rowsAtOnce, cancellation));
        while (true)
        {
            var until = await end;
            end = until is null ? end : source.FindEndAsync(account, until, rowsAtOnce, cancellation);
            try
            {
                var sums = await Task.WhenAll(source.SumAsync(account, after, until, version, cancellation), target.SumAsync(account, after, until, version, cancellation));
                if ((sums[0] is null || sums[0] != sums[1]) && await FindDifferenceAsync(after, until, cancellation) is { } key)
                {
                    return key;
                }
            }
            finally
            {
                await ((Task)end).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }

            if (until is null)
            {
                return null;
            }

            after = until;
        }
    }

    /// <summary>Row by row: stores of two kinds, and where something was written meanwhile.</summary>
    private async Task<string?> FindDifferenceAsync(string? after, string? until, CancellationToken cancellation)
    {
        var marks = await Task.WhenAll(source.ReadMarksAsync(account, after, until, cancellation), target.ReadMarksAsync(account, after, until, cancellation));
        var there = marks[1].ToDictionary(mark => mark.Key);
        foreach (var mark in marks[0])
        {
            if (there.Remove(mark.Key, out var copy) ? IsDifferent(mark, copy) : mark.Version <= version && !mark.IsDeleted)
            {
                return mark.Key;
            }
        }

        return there.Values.FirstOrDefault(mark => mark.Version <= version && !mark.IsDeleted)?.Key;
    }

    private bool IsDifferent(RowMark here, RowMark there) =>
        here.Version <= version && there.Version <= version && (here.Version != there.Version || here.Digest != there.Digest);
}
