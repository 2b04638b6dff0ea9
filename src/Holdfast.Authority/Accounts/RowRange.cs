using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Accounts;

/// <summary>An account's rows between two keys, in the order of tables, then keys; or in the order of tables, then versions.</summary>
/// <param name="Account">Whose.</param>
/// <param name="After">Behind this key; from the first if null.</param>
/// <param name="Until">Up to and with this key; to the last if null.</param>
/// <param name="Versions">Null for the order of keys. Else rows of these versions, in their order: keys then begin with them.</param>
internal sealed record RowRange(byte[] Account, string? After, string? Until, VersionRange? Versions = null)
{
    private readonly (string Table, IReadOnlyList<object> Key)? _first = After is null ? null : RowKeys.Read(After);
    private readonly (string Table, IReadOnlyList<object> Key)? _last = Until is null ? null : RowKeys.Read(Until);

    /// <summary>Tables that rows of it may be in.</summary>
    public IEnumerable<string> Tables
    {
        get
        {
            foreach (var table in AccountTables.Names.SkipWhile(name => _first is { } first && name != first.Table))
            {
                yield return table;
                if (table == _last?.Table)
                {
                    yield break;
                }
            }
        }
    }

    /// <summary>What stands behind WHERE for a table's rows.</summary>
    /// <remarks>One bound below and one above: of two of a kind an engine may take the wider one to go by.</remarks>
    public string ConditionOf(string table) =>
        $"account_id = @account{(table == _first?.Table ? Compared(table, ">", "after", _first.Value.Key.Count) : Versions is null ? "" : " AND version > @above")}{(table == _last?.Table ? Compared(table, "<=", "until", _last.Value.Key.Count) : Versions is null ? "" : " AND version <= @upTo")}";

    /// <summary>Parameters of all conditions.</summary>
    public List<(string Name, object? Value)> Parameters => [("account", Account), .. Versions is null ? [] : new (string, object?)[] { ("above", Versions.Above), ("upTo", Versions.UpTo) },
        .. (_first?.Key ?? []).Select((value, i) => ($"after{i}", (object?)value)), .. (_last?.Key ?? []).Select((value, i) => ($"until{i}", (object?)value))];

    /// <summary>The key of the row that ends a piece of so many; null if there are fewer.</summary>
    public async Task<string?> FindEndAsync(DatabaseTransaction transaction, int most)
    {
        var left = most;
        foreach (var table in await WithRowsAsync(transaction))
        {
            // Most pieces end where they begin: in a large table, whose rows are not counted before.
            if (table == _first?.Table && await FindRowAsync(transaction, table, left) is { } near)
            {
                return near;
            }

            var count = await transaction.FindAsync<long>($"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {ConditionOf(table)} LIMIT @left) AS piece", (List<(string, object?)>)[.. Parameters, ("left", (long)left)]);
            if (count >= left)
            {
                return await FindRowAsync(transaction, table, left);
            }

            left -= (int)count;
        }

        return null;
    }

    /// <summary>The key of a table's row of that number, from 1 on; null if there are fewer.</summary>
    private async Task<string?> FindRowAsync(DatabaseTransaction transaction, string table, int number)
    {
        var (key, found) = (string.Join(", ", KeyOf(table)), (string?)null);
        await transaction.ReadRowsAsync($"SELECT {key} FROM {table} WHERE {ConditionOf(table)} ORDER BY {key} LIMIT 1 OFFSET @number - 1", (_, values) =>
        {
            found = RowKeys.Write(table, values);
            return ValueTask.CompletedTask;
        }, (List<(string, object?)>)[.. Parameters, ("number", (long)number)]);
        return found;
    }

    /// <summary>Deletes its first rows. Who has more deleted goes on behind what is returned, so that nothing that was deleted is looked at again.</summary>
    /// <returns>The key of the last row that was deleted; null if none is left.</returns>
    public async Task<string?> DeleteAsync(DatabaseTransaction transaction, int most)
    {
        var piece = new RowRange(Account, After, await FindEndAsync(transaction, most) ?? Until);
        foreach (var table in await piece.WithRowsAsync(transaction))
        {
            await transaction.ExecuteAsync($"DELETE FROM {table} WHERE {piece.ConditionOf(table)}", piece.Parameters);
        }

        return piece.Until == Until ? null : piece.Until;
    }

    /// <summary>The tables that have rows of it.</summary>
    public async Task<IReadOnlyList<string>> WithRowsAsync(DatabaseTransaction transaction) =>
        Split((await transaction.FindAsync<string>($"SELECT {WithRows(Tables, ConditionOf, Versions is not null)}", Parameters))!);

    /// <summary>The names of those tables that have rows that a condition is true of, as an expression of one text (<see cref="Split"/>): one question for all.</summary>
    /// <param name="tables">Of these.</param>
    /// <param name="conditionOf">A table's condition.</param>
    /// <param name="isByVersion">Whether it is a condition of versions, else of keys.</param>
    /// <remarks>Not EXISTS: that takes any row for as good as another and may look for it through a whole table. The first in an order is found at one place of that order's index.</remarks>
    public static string WithRows(IEnumerable<string> tables, Func<string, string> conditionOf, bool isByVersion) => string.Join(" || ", tables.Select(table =>
        $"CASE WHEN (SELECT 1 FROM {table} WHERE {conditionOf(table)} ORDER BY {string.Join(", ", KeyOf(table, isByVersion))} LIMIT 1) IS NULL THEN '' ELSE '{table} ' END"));

    /// <summary>The names that a text of <see cref="WithRows"/> has.</summary>
    public static IReadOnlyList<string> Split(string tables) => tables.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private IReadOnlyList<string> KeyOf(string table) => KeyOf(table, Versions is not null);

    private static IReadOnlyList<string> KeyOf(string table, bool isByVersion) => isByVersion ? ["version", .. AccountTables.KeyOf(table)] : AccountTables.KeyOf(table);

    private string Compared(string table, string comparison, string name, int count) => $" AND {KeyRange.Compare(KeyOf(table), comparison, name, count)}";
}
