using System.Globalization;
using Holdfast.Authority.Accounts;

namespace Holdfast.Authority.Moving;

/// <summary>Keys of rows as text: the table, then each value with a letter for its type. Engines of every kind read what another wrote.</summary>
internal static class RowKeys
{
    public static string Write(string table, IEnumerable<object?> key) => string.Join('/', key.Select(value => value switch
    {
        long number => string.Create(CultureInfo.InvariantCulture, $"n{number}"),
        byte[] bytes => "x" + Convert.ToHexStringLower(bytes),
        string text => "t" + Uri.EscapeDataString(text),
        _ => throw new InvalidOperationException($"a key of {table} has a {value?.GetType().Name ?? "null"}"),
    }).Prepend(table));

    public static (string Table, IReadOnlyList<object> Key) Read(string key)
    {
        var parts = key.Split('/');
        return (parts[0], [.. parts.Skip(1).Select(part => part[0] switch
        {
            'n' => long.Parse(part.AsSpan(1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture),
            'x' => Convert.FromHexString(part.AsSpan(1)),
            't' => (object)Uri.UnescapeDataString(part[1..]),
            _ => throw new FormatException($"no key: {key}"),
        })]);
    }

    /// <summary>Where a table's key is among the columns of a row.</summary>
    public static int[] PlacesIn(string table, IReadOnlyList<string> columns) => [.. AccountTables.KeyOf(table).Select(column => IndexOf(columns, column))];

    public static int IndexOf(IReadOnlyList<string> columns, string column)
    {
        for (var i = 0; i < columns.Count; i++)
        {
            if (columns[i] == column)
            {
                return i;
            }
        }

        throw new InvalidOperationException($"there is no column {column}");
    }
}
