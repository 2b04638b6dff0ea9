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
    /// <param name="account">Whose.</param>
    /// <param name="after">The position.</param>
    /// <param name="last">The version of the account's last write.</param>
    /// <param name="most">No more than so many.</param>
    public static async Task<(IReadOnlyList<MovedTable> Tables, RowPosition Position)> ReadAsync(DatabaseTransaction transaction, byte[] account, RowPosition after, long last, int most)
    {
        var within = after.Key is null ? new Within(last, AccountTables.Names[0], after.Version, null) : Within.Parse(after.Key);
        var (tables, left) = (new List<MovedTable>(), most);
        if (within.Until == after.Version)
        {
            return (tables, after);
        }

        foreach (var table in AccountTables.Names.SkipWhile(name => name != within.Table))
        {
            var from = table == within.Table ? within : new Within(within.Until, table, after.Version, null);
            var read = await ReadTableAsync(transaction, account, from, left);
            if (read.Rows.Count == 0)
            {
                continue;
            }

            tables.Add(read);
            left -= read.Rows.Count;
            if (left == 0)
            {
                var (row, places) = (read.Rows[^1], RowKeys.PlacesIn(table, read.Columns));
                var version = (long)row[RowKeys.IndexOf(read.Columns, "version")]!;
                return (tables, after with { Key = new Within(within.Until, table, version, [.. places.Select(place => row[place]!)]).ToString() });
            }
        }

        return (tables, new RowPosition(within.Until, null));
    }

    private static async Task<MovedTable> ReadTableAsync(DatabaseTransaction transaction, byte[] account, Within from, int most)
    {
        var key = string.Join(", ", AccountTables.KeyOf(from.Table));
        var behind = from.Key is null ? "version > @from" : $"(version, {key}) > (@from, {string.Join(", ", from.Key.Select((_, i) => $"@key{i}"))})";
        List<(string, object?)> parameters = [("account", account), ("from", from.Version), ("until", from.Until), ("most", (long)most)];
        parameters.AddRange((from.Key ?? []).Select((value, i) => ($"key{i}", (object?)value)));
        var (columns, rows) = ((IReadOnlyList<string>)[], new List<object?[]>());
        await transaction.ReadRowsAsync($"SELECT * FROM {from.Table} WHERE account_id = @account AND {behind} AND version <= @until ORDER BY version, {key} LIMIT @most", (names, values) =>
        {
            columns = names;
            rows.Add(values);
            return ValueTask.CompletedTask;
        }, parameters);
        return new MovedTable(from.Table, columns, rows);
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
