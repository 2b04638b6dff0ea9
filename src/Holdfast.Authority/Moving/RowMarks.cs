using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Moving;

/// <summary>Reads an account's rows for comparing: by other statements than those that copy, and never what was copied but what is stored.</summary>
internal static class RowMarks
{
    private const string Above = "account_id = @account AND version > @above";

    /// <summary>The names of the tables that have rows above a version, as an expression of one text.</summary>
    public static readonly string TablesAbove = RowRange.WithRows(AccountTables.Names, _ => Above, isByVersion: true);

    /// <summary>What the engine itself makes of all rows of a range; null if it has no such thing.</summary>
    public static async Task<RowSum?> SumAsync(DatabaseTransaction transaction, IReadOnlyDictionary<string, TableShape> shapes, RowRange range)
    {
        if (!transaction.HasSums)
        {
            return null;
        }

        var (sum, tables) = (new RowSum(0, 0), await range.WithRowsAsync(transaction));
        foreach (var table in tables)
        {
            var (count, hash) = await transaction.SumAsync(shapes[table], range.ConditionOf(table), range.Parameters);
            sum = new RowSum(sum.Count + count, sum.Hash ^ hash);
        }

        return sum;
    }

    /// <summary>Each row of a range.</summary>
    public static async Task<IReadOnlyList<RowMark>> ReadAsync(DatabaseTransaction transaction, IReadOnlyDictionary<string, TableShape> shapes, RowRange range)
    {
        var marks = new List<RowMark>();
        foreach (var table in await range.WithRowsAsync(transaction))
        {
            using var rows = await transaction.ReadPackedAsync(shapes[table], range.ConditionOf(table), range.Parameters);
            Mark(rows, marks);
        }

        return marks;
    }

    /// <summary>Each row above a version of tables that have some, those that were deleted too.</summary>
    /// <remarks>In the order of an index that has them in one place: in the order of keys an engine may look through all that the account has, while writers wait.</remarks>
    public static async Task<IReadOnlyList<RowMark>> ReadAboveAsync(DatabaseTransaction transaction, IReadOnlyDictionary<string, TableShape> shapes, byte[] account, long above, IReadOnlyList<string> tables)
    {
        var marks = new List<RowMark>();
        foreach (var table in tables)
        {
            using var rows = await transaction.ReadPackedAsync(shapes[table], $"{Above} ORDER BY version, {string.Join(", ", AccountTables.KeyOf(table))}", [("account", account), ("above", above)]);
            Mark(rows, marks);
        }

        return marks;
    }

    /// <summary>A digest of rows, and of what else is to be the same.</summary>
    public static byte[] Digest(IReadOnlyList<RowMark> marks, string numbers)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        digest.AppendData(Encoding.UTF8.GetBytes(numbers));
        var own = new byte[16];
        foreach (var mark in marks)
        {
            digest.AppendData(Encoding.UTF8.GetBytes(mark.Key));
            BinaryPrimitives.WriteUInt128LittleEndian(own, mark.Digest);
            digest.AppendData(own);
        }

        return digest.GetHashAndReset();
    }

    private static void Mark(PackedRows rows, List<RowMark> marks)
    {
        var (places, version, deleted) = (RowKeys.PlacesIn(rows.Shape), rows.Shape.PlaceOf("version"), rows.Shape.PlaceOf("deleted"));
        var (isNumber, key) = (places.Length == 1 && rows.Shape.Types[places[0]] == typeof(long), new object?[places.Length]);
        for (var row = 0; row < rows.Count; row++)
        {
            for (var i = 0; i < key.Length && !isNumber; i++)
            {
                key[i] = rows.Value(row, places[i]);
            }

            // Nearly all keys are one number.
            var text = isNumber ? string.Create(CultureInfo.InvariantCulture, $"{rows.Shape.Table}/n{rows.Number(row, places[0])}") : RowKeys.Write(rows.Shape.Table, key);
            marks.Add(new RowMark(text, rows.Number(row, version), rows.Number(row, deleted) != 0, XxHash128.HashToUInt128(rows.BytesOf(row))));
        }
    }
}
