using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Databases;

/// <summary>Where a database is: <c>sqlite:PATH</c>, or a connection string of PostgreSQL (<c>Host=…;Database=…</c>).</summary>
public static class DatabaseSource
{
    private const string Sqlite = "sqlite:";

    /// <summary>Opens a database and brings it up to date.</summary>
    internal static async Task<IDatabase> OpenAsync(string source, DatabaseKind kind, CancellationToken cancellation)
    {
        if (source.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            return await SqliteDatabase.OpenAsync(source[Sqlite.Length..], kind, cancellation);
        }

        return source.Contains('=', StringComparison.Ordinal)
            ? await PostgresDatabase.OpenAsync(source, kind, cancellation)
            : throw Unknown();
    }

    /// <summary>What may be shown of a source: nothing that is secret.</summary>
    public static string Describe(string source)
    {
        if (source.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            return source;
        }

        var builder = source.Contains('=', StringComparison.Ordinal) ? PostgresDatabase.Parse(source) : throw Unknown();
        return $"PostgreSQL on {builder.Host}:{builder.Port}, database {builder.Database}, as {builder.Username}{(builder.SearchPath is { } schema ? $", schema {schema}" : "")}";
    }

    /// <summary>The same file, whatever folder the process was started in.</summary>
    public static string Rooted(string source, string root) => source.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) ? Sqlite + Path.GetFullPath(source[Sqlite.Length..], root) : source;

    private static HoldfastException Unknown() => new(FailureTable.InvalidRequest, "A source names no database: write sqlite:/path/to/file, or Host=…;Database=…;Username=… for PostgreSQL. (It is not shown here: it may hold a password.)");
}
