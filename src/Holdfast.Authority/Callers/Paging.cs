using System.Buffers.Text;
using System.Text;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Callers;

/// <summary>Lists are answered a page at a time; the cursor is the key of the last row, and opaque to callers.</summary>
internal sealed class Paging
{
    /// <summary>Bounds an answer, and the read transaction behind it.</summary>
    public const int LimitMax = 1000;

    private Paging(int limit, string? after)
    {
        Limit = limit;
        After = after;
    }

    public int Limit { get; }

    /// <summary>Key of the last row that the caller has, or null for the first page.</summary>
    public string? After { get; }

    /// <summary>One row more than a page holds says whether there is another.</summary>
    public int Rows => Limit + 1;

    public static Paging Of(string? cursor, int? limit)
    {
        if (limit is <= 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A limit is 1 or more.");
        }

        return new Paging(Math.Min(limit ?? LimitMax, LimitMax), cursor is null ? null : Decode(cursor));
    }

    /// <summary>Whole pages behind a key.</summary>
    public static Paging Behind(string? key) => new(LimitMax, key);

    /// <summary>The key as a number; -1 for the first page.</summary>
    public long AfterNumber() => After is null ? -1 : long.TryParse(After, System.Globalization.CultureInfo.InvariantCulture, out var number) ? number : throw Unknown();

    /// <summary>The key as two numbers joined by a dot; -1 for the first page.</summary>
    public (long First, long Second) AfterPair() => After is null ? (-1, -1)
        : After.Split('.') is [var a, var b] && long.TryParse(a, System.Globalization.CultureInfo.InvariantCulture, out var first) && long.TryParse(b, System.Globalization.CultureInfo.InvariantCulture, out var second)
            ? (first, second) : throw Unknown();

    /// <summary>The key as a name and a number joined by a line break; an empty name for the first page.</summary>
    public (string Name, long Number) AfterNameAndNumber() => After is null ? ("", -1)
        : After.Split('\n') is [var name, var text] && long.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out var number) ? (name, number) : throw Unknown();

    /// <summary>The page of <paramref name="rows"/> (read with <see cref="Rows"/> as their limit), and the cursor of the next.</summary>
    public Page<T> Cut<T>(IReadOnlyList<T> rows, Func<T, string> key) => rows.Count <= Limit
        ? new Page<T>(rows, null)
        : new Page<T>([.. rows.Take(Limit)], Base64Url.EncodeToString(Encoding.UTF8.GetBytes(key(rows[Limit - 1]))));

    private static string Decode(string cursor)
    {
        try
        {
            var key = Encoding.UTF8.GetString(Base64Url.DecodeFromChars(cursor));
            return key.Contains('\0', StringComparison.Ordinal) ? throw Unknown() : key;
        }
        catch (FormatException)
        {
            throw Unknown();
        }
    }

    private static HoldfastException Unknown() => new(FailureTable.InvalidRequest, "The cursor is none that this service gave.");
}

/// <summary>Rows of one page and the cursor of the next, or null at the end.</summary>
internal sealed record Page<T>(IReadOnlyList<T> Items, string? Next);
