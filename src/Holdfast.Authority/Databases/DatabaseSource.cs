using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Databases;

/// <summary>Where a database is: <c>sqlite:PATH</c>, or a connection string of PostgreSQL (<c>Host=…;Database=…</c>).</summary>
internal static class DatabaseSource
{
    private const string Sqlite = "sqlite:";

    /// <summary>Opens a database and brings it up to date.</summary>
    public static async Task<IDatabase> OpenAsync(string source, DatabaseKind kind, CancellationToken cancellation)
    {
        if (source.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase))
        {
            return await SqliteDatabase.OpenAsync(source[Sqlite.Length..], kind, cancellation);
        }

        return source.Contains('=', StringComparison.Ordinal)
            ? await PostgresDatabase.OpenAsync(source, kind, cancellation)
            : throw new HoldfastException(FailureTable.InvalidRequest, $"'{source}' names no database: write sqlite:/path/to/file, or Host=…;Database=…;Username=… for PostgreSQL.");
    }
}
