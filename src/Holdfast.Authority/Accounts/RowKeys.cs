using System.Globalization;
using System.Text;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Accounts;

/// <summary>Keys of rows as text: the table, then each value with a letter for its type. Engines of every kind read what another wrote.</summary>
internal static class RowKeys
{
    public static string Write(string table, IReadOnlyList<object?> key)
    {
        var text = new StringBuilder(table, 64);
        foreach (var value in key)
        {
            _ = value switch
            {
                long number => text.Append(CultureInfo.InvariantCulture, $"/n{number}"),
                byte[] bytes => text.Append("/x").Append(Convert.ToHexStringLower(bytes)),
                string name => text.Append("/t").Append(Uri.EscapeDataString(name)),
                _ => throw new InvalidOperationException($"a key of {table} has a {value?.GetType().Name ?? "null"}"),
            };
        }

        return text.ToString();
    }

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

    /// <summary>Where a table's key is among its columns.</summary>
    public static int[] PlacesIn(TableShape shape) => [.. AccountTables.KeyOf(shape.Table).Select(shape.PlaceOf)];
}
