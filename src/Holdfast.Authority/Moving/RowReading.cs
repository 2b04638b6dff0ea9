using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Moving;

/// <summary>
/// Reads an account's rows for copying: all up to the version that the last write had when the first piece was read, one table after the other in the order of keys, which needs no index but the table's own; then what came since, again and
/// again, in the order of versions. A row that is written meanwhile leaves what is being read, and comes with what is read next (rule M2).
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
        var within = after.Key is null ? new Within(last, AccountTables.Names[0], after.Version == 0 ? null : after.Version, null) : Within.Parse(after.Key);
        var (tables, left) = (new List<PackedRows>(), most);
        if (within.Until == after.Version)
        {
            return (tables, after);
        }

        List<string> behind = [.. AccountTables.Names.SkipWhile(name => name != within.Table)];
        var withRows = RowRange.WithRows(behind, _ => "account_id = @account AND version > @from AND version <= @until", within.Version is not null);
        foreach (var table in RowRange.Split((await transaction.FindAsync<string>($"SELECT {withRows}", new { account, from = after.Version, within.Until }))!))
        {
            var from = table == within.Table ? within : within with { Table = table, Version = within.Version is null ? null : after.Version, Key = null };
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
                var version = within.Version is null ? null : (long?)read.Number(read.Count - 1, read.Shape.PlaceOf("version"));
                return (tables, after with { Key = new Within(within.Until, table, version, [.. RowKeys.PlacesIn(read.Shape).Select(place => read.Value(read.Count - 1, place)!)]).ToString() });
            }
        }

        return (tables, new RowPosition(within.Until, null));
    }

    private static Task<PackedRows> ReadTableAsync(DatabaseTransaction transaction, TableShape shape, byte[] account, Within from, int most)
    {
        IReadOnlyList<string> order = from.Version is null ? AccountTables.KeyOf(from.Table) : ["version", .. AccountTables.KeyOf(from.Table)];
        IReadOnlyList<object> last = [.. from.Version is null ? [] : new object[] { from.Version }, .. from.Key ?? []];
        var behind = last.Count == 0 ? "" : last.Count < order.Count ? " AND version > @from0" : $" AND {KeyRange.Compare(order, ">", "from", order.Count)}";
        return transaction.ReadPackedAsync(shape, $"account_id = @account{behind} AND version <= @until ORDER BY {string.Join(", ", order)} LIMIT @most",
            [("account", account), ("until", from.Until), ("most", (long)most), .. last.Select((value, i) => ($"from{i}", (object?)value))]);
    }

    /// <summary>A place within the versions that are being read.</summary>
    /// <param name="Until">Their last.</param>
    /// <param name="Table">The table that is read.</param>
    /// <param name="Version">Of the last row that was read of it; null if rows are read in the order of keys.</param>
    /// <param name="Key">Its key; null if there is none yet.</param>
    private sealed record Within(long Until, string Table, long? Version, IReadOnlyList<object>? Key)
    {
        public static Within Parse(string text)
        {
            var parts = text.Split('/', 3);
            var (table, key) = RowKeys.Read(parts[2]);
            return new Within(long.Parse(parts[0], CultureInfo.InvariantCulture), table, parts[1].Length == 0 ? null : long.Parse(parts[1], CultureInfo.InvariantCulture), key);
        }

        public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Until}/{Version}/{RowKeys.Write(Table, Key ?? [])}");
    }
}
