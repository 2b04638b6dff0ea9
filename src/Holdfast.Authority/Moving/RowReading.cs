using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Reads an account's rows for copying: all up to the version that the last write had when the first piece was read, one table after the other in the order of versions, then what came since, again and again. A row that is written
/// meanwhile leaves what is being read, and comes with what is read next (rule M2).
/// </summary>
internal static class RowReading
{
    /// <summary>Rows behind a position.</summary>
    /// <param name="transaction">One moment.</param>
    /// <param name="shapes">The tables.</param>
    /// <param name="account">Whose.</param>
    /// <param name="after">The position.</param>
    /// <param name="last">The version of the account's last write.</param>
    /// <param name="most">No more than so many.</param>
    public static async Task<(IReadOnlyList<PackedRows> Tables, RowPosition Position)> ReadAsync(DatabaseTransaction transaction, IReadOnlyDictionary<string, TableShape> shapes, byte[] account, RowPosition after, long last, int most)
    {
        var within = after.Key is null ? new Within(last, AccountTables.Names[0], after.Version, null) : Within.Parse(after.Key);
        var (tables, left) = (new List<PackedRows>(), most);
        if (within.Until == after.Version)
        {
            return (tables, after);
        }

        List<string> behind = [.. AccountTables.Names.SkipWhile(name => name != within.Table)];
        foreach (var table in await RowRange.WithRowsAsync(transaction, behind, _ => "account_id = @account AND version > @from AND version <= @until", [("account", account), ("from", after.Version), ("until", within.Until)]))
        {
            var from = table == within.Table ? within : new Within(within.Until, table, after.Version, null);
            var read = await ReadTableAsync(transaction, shapes[table], account, from, left);
            if (read.Count == 0)
            {
                read.Dispose();
                continue;
            }

            tables.Add(read);
            left -= read.Count;
            if (left == 0)
            {
                var version = (long)read.Value(read.Count - 1, read.Shape.PlaceOf("version"))!;
                return (tables, after with { Key = new Within(within.Until, table, version, [.. RowKeys.PlacesIn(read.Shape).Select(place => read.Value(read.Count - 1, place)!)]).ToString() });
            }
        }

        return (tables, new RowPosition(within.Until, null));
    }

    private static Task<PackedRows> ReadTableAsync(DatabaseTransaction transaction, TableShape shape, byte[] account, Within from, int most)
    {
        var key = string.Join(", ", AccountTables.KeyOf(from.Table));
        var behind = from.Key is null ? "version > @from" : $"(version, {key}) > (@from, {string.Join(", ", from.Key.Select((_, i) => $"@key{i}"))})";
        return transaction.ReadPackedAsync(shape, $"account_id = @account AND {behind} AND version <= @until ORDER BY version, {key} LIMIT @most",
            [("account", account), ("from", from.Version), ("until", from.Until), ("most", (long)most), .. (from.Key ?? []).Select((value, i) => ($"key{i}", (object?)value))]);
    }

    /// <summary>A place within the versions that are being read.</summary>
    /// <param name="Until">Their last.</param>
    /// <param name="Table">The table that is read.</param>
    /// <param name="Version">Of the last row that was read of it.</param>
    /// <param name="Key">Its key; null if there is none yet.</param>
    private sealed record Within(long Until, string Table, long Version, IReadOnlyList<object>? Key)
    {
        public static Within Parse(string text)
        {
            var parts = text.Split('/', 3);
            var (table, key) = RowKeys.Read(parts[2]);
            return new Within(long.Parse(parts[0], CultureInfo.InvariantCulture), table, long.Parse(parts[1], CultureInfo.InvariantCulture), key);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Until}/{Version}/{RowKeys.Write(Table, Key ?? [])}");
    }
}
