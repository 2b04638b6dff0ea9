namespace Holdfast.Authority.Databases;

/// <summary>Rows of a table between two keys.</summary>
/// <param name="Key">The key's columns.</param>
/// <param name="After">Behind this key; from the first if null.</param>
/// <param name="Until">Up to and with this key; to the last if null.</param>
internal sealed record KeyRange(IReadOnlyList<string> Key, IReadOnlyList<object?>? After, IReadOnlyList<object?>? Until)
{
    /// <summary>What stands behind WHERE.</summary>
    public string Condition => $"{(After is null ? "1 = 1" : Compare(Key, ">", "after", After.Count))}{(Until is null ? "" : $" AND {Compare(Key, "<=", "until", Until.Count)}")}";

    public IReadOnlyList<(string Name, object? Value)> Parameters => [.. (After ?? []).Select((value, i) => ($"after{i}", value)), .. (Until ?? []).Select((value, i) => ($"until{i}", value))];

    /// <summary>A key's columns, compared as one with parameters <c>@name0</c>, <c>@name1</c>…</summary>
    public static string Compare(IReadOnlyList<string> key, string comparison, string name, int count) =>
        $"({string.Join(", ", key)}) {comparison} ({string.Join(", ", Enumerable.Range(0, count).Select(i => $"@{name}{i}"))})";

    /// <summary>The key of the row that ends a piece of so many behind <see cref="After"/>; null if there are fewer.</summary>
    public async Task<IReadOnlyList<object?>?> FindEndAsync(DatabaseTransaction transaction, string table, int most)
    {
        var (columns, end) = (string.Join(", ", Key), (object?[]?)null);
        await transaction.ReadRowsAsync($"SELECT {columns} FROM {table} WHERE {Condition} ORDER BY {columns} LIMIT 1 OFFSET {most - 1}", (_, values) =>
        {
            end = values;
            return ValueTask.CompletedTask;
        }, Parameters);
        return end;
    }
}
