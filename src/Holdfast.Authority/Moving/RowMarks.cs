using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Moving;

/// <summary>Reads an account's rows for comparing: by other statements than those that copy, in another order, and never what was copied but what is stored.</summary>
internal static class RowMarks
{
    /// <summary>Rows between two keys, in the order of keys.</summary>
    public static async Task<IReadOnlyList<RowMark>> ReadAsync(DatabaseTransaction transaction, byte[] account, string? after, string? until, int most)
    {
        var (marks, first, last) = (new List<RowMark>(), after is null ? default : RowKeys.Read(after), until is null ? default : RowKeys.Read(until));
        foreach (var table in AccountTables.Names.SkipWhile(name => first.Table is not null && name != first.Table))
        {
            var (conditions, parameters) = (new List<string>(), new List<(string, object?)> { ("account", account), ("most", (long)(most - marks.Count)) });
            Add(table == first.Table ? first.Key : null, ">", "after");
            Add(table == last.Table ? last.Key : null, "<=", "until");
            await ReadAsync(transaction, table, string.Concat(conditions), $"ORDER BY {string.Join(", ", AccountTables.KeyOf(table))} LIMIT @most", parameters, marks);
            if (marks.Count >= most || table == last.Table)
            {
                return marks;
            }

            void Add(IReadOnlyList<object>? key, string comparison, string name)
            {
                if (key is not null)
                {
                    conditions.Add($" AND ({string.Join(", ", AccountTables.KeyOf(table))}) {comparison} ({string.Join(", ", key.Select((_, i) => $"@{name}{i}"))})");
                    parameters.AddRange(key.Select((value, i) => ($"{name}{i}", (object?)value)));
                }
            }
        }

        return marks;
    }

    /// <summary>A digest of all rows above a version, those that were deleted too.</summary>
    public static async Task<byte[]> DigestAsync(DatabaseTransaction transaction, byte[] account, long above, string numbers)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        digest.AppendData(Encoding.UTF8.GetBytes(numbers));
        foreach (var table in AccountTables.Names)
        {
            var marks = new List<RowMark>();
            await ReadAsync(transaction, table, " AND version > @above", $"ORDER BY {string.Join(", ", AccountTables.KeyOf(table))}", [("account", account), ("above", above)], marks);
            foreach (var mark in marks)
            {
                digest.AppendData(Encoding.UTF8.GetBytes(mark.Key));
                digest.AppendData(mark.Digest);
            }
        }

        return digest.GetHashAndReset();
    }

    private static Task ReadAsync(DatabaseTransaction transaction, string table, string condition, string order, List<(string, object?)> parameters, List<RowMark> marks)
    {
        // The engines' columns need not be in the same order.
        var (ordered, places, version, deleted) = ((int[]?)null, (int[])[], 0, 0);
        return transaction.ReadRowsAsync($"SELECT * FROM {table} WHERE account_id = @account{condition} {order}", (columns, values) =>
        {
            if (ordered is null)
            {
                ordered = [.. Enumerable.Range(0, columns.Count).OrderBy(i => columns[i], StringComparer.Ordinal)];
                (places, version, deleted) = (RowKeys.PlacesIn(table, columns), RowKeys.IndexOf(columns, "version"), RowKeys.IndexOf(columns, "deleted"));
            }

            marks.Add(new RowMark(RowKeys.Write(table, places.Select(place => values[place])), (long)values[version]!, (long)values[deleted]! != 0, DigestOf(columns, values, ordered)));
            return ValueTask.CompletedTask;
        }, parameters);
    }

    private static byte[] DigestOf(IReadOnlyList<string> columns, object?[] values, int[] ordered)
    {
        using var digest = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Span<byte> head = stackalloc byte[9];
        foreach (var i in ordered)
        {
            Append('c', Encoding.UTF8.GetBytes(columns[i]), head);
            switch (values[i])
            {
                case null:
                    Append('0', [], head);
                    break;
                case long number:
                    BinaryPrimitives.WriteInt64LittleEndian(head[1..], number);
                    head[0] = (byte)'n';
                    digest.AppendData(head);
                    break;
                case byte[] bytes:
                    Append('x', bytes, head);
                    break;
                case string text:
                    Append('t', Encoding.UTF8.GetBytes(text), head);
                    break;
                case var other:
                    throw new InvalidOperationException($"the column {columns[i]} has a {other.GetType().Name}");
            }
        }

        return digest.GetHashAndReset();

        void Append(char kind, byte[] bytes, Span<byte> buffer)
        {
            buffer[0] = (byte)kind;
            BinaryPrimitives.WriteInt64LittleEndian(buffer[1..], bytes.Length);
            digest.AppendData(buffer);
            digest.AppendData(bytes);
        }
    }
}
