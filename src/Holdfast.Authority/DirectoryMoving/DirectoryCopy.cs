using System.IO.Hashing;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.DirectoryMoving;

/// <summary>
/// Makes one database's rows those of another, and knows that they are: each table is compared piece by piece, by the servers' own hashes where both have them and row by row else; what differs is deleted and written anew, and then compared again.
/// So whatever happens to the directory is seen, without any row saying when it was written.
/// </summary>
/// <param name="source">The directory.</param>
/// <param name="target">Where it is copied to.</param>
/// <param name="incoming">What the target says; nothing is written if it says something else.</param>
internal sealed class DirectoryCopy(IDatabase source, IDatabase target, DirectoryFence incoming)
{
    private const int RowsAtOnce = 4000;

    /// <summary>Compares and mends all tables, as the source has them at one moment.</summary>
    /// <param name="cancellation">Ends it; what is mended stays.</param>
    /// <returns>Rows that there are, and those that were deleted or written.</returns>
    public Task<(long Rows, long Changed)> BringAsync(CancellationToken cancellation) => source.ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        var (rows, changed) = (0L, 0L);
        foreach (var table in DirectoryTables.Names)
        {
            var piece = await BringTableAsync(transaction, table, cancellation);
            (rows, changed) = (rows + piece.Rows, changed + piece.Changed);
        }

        return (rows, changed);
    }, cancellation);

    private async Task<(long Rows, long Changed)> BringTableAsync(DatabaseTransaction from, string table, CancellationToken cancellation)
    {
        var shape = await from.ShapeAsync(table);
        var (key, rows, changed, wrong) = (DirectoryTables.KeyOf(table), 0L, 0L, new List<KeyRange>());
        var isEmpty = await target.AskAsync(to => to.FindAsync<long>($"SELECT CASE WHEN EXISTS (SELECT 1 FROM {table}) THEN 0 ELSE 1 END"), cancellation) == 1;
        IReadOnlyList<object?>? after = null;
        do
        {
            // All deletions of a table come before what is written: two rows may have exchanged what only one may have.
            var piece = new KeyRange(key, after, await new KeyRange(key, after, null).FindEndAsync(from, table, RowsAtOnce));
            if (!isEmpty && await CountIfSameAsync(from, shape, piece, cancellation) is { } same)
            {
                rows += same;
            }
            else if (isEmpty)
            {
                rows += await WriteAnewAsync(from, shape, piece, cancellation);
            }
            else
            {
                using var there = await from.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
                rows += there.Count;
                changed += await DeleteAsync(shape, piece, Digests(there), cancellation);
                wrong.Add(piece);
            }

            after = piece.Until;
        }
        while (after is not null);

        foreach (var piece in wrong)
        {
            changed += await WriteAnewAsync(from, shape, piece, cancellation);
        }

        return (rows, isEmpty ? rows : changed);
    }

    /// <summary>Writes what the target lacks of a piece, and compares it.</summary>
    private async Task<int> WriteAnewAsync(DatabaseTransaction from, TableShape shape, KeyRange piece, CancellationToken cancellation)
    {
        using var there = await from.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
        var written = there.Count == 0 ? 0 : await InsertAsync(shape, piece, there, cancellation);
        return await CountIfSameAsync(from, shape, piece, cancellation) is not null
            ? written
            : throw new HoldfastException(FailureTable.MoveRefused, $"The table {shape.Table} does not become the same in the other database: {written} rows were written to it, and others are read.");
    }

    /// <summary>How many rows a piece has, if both databases have the same.</summary>
    private async Task<long?> CountIfSameAsync(DatabaseTransaction from, TableShape shape, KeyRange piece, CancellationToken cancellation)
    {
        var here = from.HasSums ? await from.SumAsync(shape, piece.Condition, piece.Parameters) : default;
        using var own = from.HasSums ? null : await from.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
        return await target.ReadAsync<long?>(async to =>
        {
            to.IsPatient = true;
            if (to.HasSums && from.HasSums && await to.SumAsync(shape, piece.Condition, piece.Parameters) == here)
            {
                return here.Count;
            }

            using var rows = await to.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
            if (own is not null)
            {
                return IsSame(own, rows) ? own.Count : null;
            }

            // Two servers of different versions, or of different engines, have no hash in common.
            using var read = await from.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
            return IsSame(read, rows) ? read.Count : null;
        }, cancellation);
    }

    /// <summary>Deletes rows of the target that the source has not, or has with other values.</summary>
    private Task<int> DeleteAsync(TableShape shape, KeyRange piece, HashSet<UInt128> there, CancellationToken cancellation) => WriteAsync(async to =>
    {
        var places = piece.Key.Select(shape.PlaceOf).ToArray();
        using var rows = await to.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
        var wrong = Enumerable.Range(0, rows.Count).Where(row => !there.Contains(DigestOf(rows, row))).ToList();
        return wrong.Count == 0 ? 0
            : wrong.Count == rows.Count ? await to.ExecuteAsync($"DELETE FROM {shape.Table} WHERE {piece.Condition}", piece.Parameters)
            : await to.ExecuteEachAsync($"DELETE FROM {shape.Table} WHERE {KeyRange.Compare(piece.Key, "=", "key", places.Length)}", wrong.Select(row => (object)places.Select((place, i) => ($"key{i}", rows.Value(row, place))).ToList()));
    }, cancellation);

    /// <summary>Writes rows of the source that the target has not.</summary>
    private Task<int> InsertAsync(TableShape shape, KeyRange piece, PackedRows there, CancellationToken cancellation) => WriteAsync(async to =>
    {
        using var rows = await to.ReadPackedAsync(shape, piece.Condition, piece.Parameters);
        if (rows.Count == 0)
        {
            await to.InsertAsync(there);
            return there.Count;
        }

        var (known, lacking) = (Digests(rows), new PackedRows(shape));
        using (lacking)
        {
            foreach (var row in Enumerable.Range(0, there.Count).Where(row => !known.Contains(DigestOf(there, row))))
            {
                lacking.Add(there.Values(row));
            }

            if (lacking.Count > 0)
            {
                await to.InsertAsync(lacking);
            }

            return lacking.Count;
        }
    }, cancellation);

    private Task<T> WriteAsync<T>(Func<DatabaseTransaction, Task<T>> action, CancellationToken cancellation) => target.WriteAsync(async transaction =>
    {
        transaction.IsPatient = true;
        if (await DirectoryFence.ShareAsync(transaction) != incoming)
        {
            throw new HoldfastException(FailureTable.MoveRefused, "Somebody else moves the directory now.");
        }

        // Each piece waits for the disk: a crash of the target must not undo what was compared, for nothing is compared behind the seal.
        return await action(transaction);
    }, cancellation);

    private static bool IsSame(PackedRows one, PackedRows other) => one.Count == other.Count && Digests(one).SetEquals(Digests(other));

    private static HashSet<UInt128> Digests(PackedRows rows) => [.. Enumerable.Range(0, rows.Count).Select(row => DigestOf(rows, row))];

    /// <summary>Two rows of a table are never the same: they have a key.</summary>
    private static UInt128 DigestOf(PackedRows rows, int row) => XxHash128.HashToUInt128(rows.BytesOf(row));
}
