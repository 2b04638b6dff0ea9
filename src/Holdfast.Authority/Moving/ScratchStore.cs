using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>
/// A store beside another, on the same server or disk, that nothing of the service's lies in: a schema of its own, or a file. What a rehearsal writes goes there, as fast or slowly as it would beside it; then it is gone. Each
/// has a name of its own; what kills left of others is gone before the next, and one rehearsal runs at a time.
/// </summary>
internal sealed class ScratchStore : IAsyncDisposable
{
    private const string Prefix = "holdfast_rehearsal_";
    private const string Sqlite = "sqlite:";

    private readonly string _source;
    private readonly IDatabase _beside;
    private readonly string _name;

    private ScratchStore(string source, IDatabase beside, string name, IDatabase database) => (_source, _beside, _name, Database) = (source, beside, name, database);

    public IDatabase Database { get; }

    /// <summary>Makes one, and takes away those that are left.</summary>
    /// <param name="source">Where the other store is.</param>
    /// <param name="beside">The other store.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<ScratchStore> OpenAsync(string source, IDatabase beside, CancellationToken cancellation)
    {
        var name = Prefix + Guid.NewGuid().ToString("N");
        await RemoveLeftAsync(source, beside, cancellation);
        try
        {
            var at = FileOf(source) is null ? new Npgsql.NpgsqlConnectionStringBuilder(source) { SearchPath = name }.ConnectionString : $"{source}.{name}";
            return new ScratchStore(source, beside, name, await DatabaseSource.OpenAsync(at, DatabaseKind.Accounts, cancellation));
        }
        catch
        {
            await RemoveAsync(source, beside, name, CancellationToken.None);
            throw;
        }
    }

    /// <summary>Takes away what kills left beside a store.</summary>
    public static async Task RemoveLeftAsync(string source, IDatabase beside, CancellationToken cancellation)
    {
        if (FileOf(source) is { } file)
        {
            RemoveFiles(file, Prefix);
            return;
        }

        if (new Npgsql.NpgsqlConnectionStringBuilder(source).SearchPath?.Contains(Prefix, StringComparison.Ordinal) == true)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"The store lies in a schema that is called like a rehearsal's ({Prefix}…): nothing is rehearsed beside it.");
        }

        foreach (var name in await beside.AskAsync(transaction => transaction.QueryAsync<string>("SELECT nspname FROM pg_namespace WHERE left(nspname, @length) = @prefix", new { length = Prefix.Length, prefix = Prefix }), cancellation))
        {
            await RemoveAsync(source, beside, name, cancellation);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Database.DisposeAsync();
        await RemoveAsync(_source, _beside, _name, CancellationToken.None);
    }

    /// <summary>The file that a source is; null if it is a server's.</summary>
    public static string? FileOf(string source) => source.StartsWith(Sqlite, StringComparison.OrdinalIgnoreCase) ? source[Sqlite.Length..] : null;

    private static async Task RemoveAsync(string source, IDatabase beside, string name, CancellationToken cancellation)
    {
        if (FileOf(source) is { } file)
        {
            RemoveFiles(file, name);
            return;
        }

        await beside.WriteAsync(async transaction =>
        {
            transaction.IsPatient = true;
            return await transaction.ExecuteAsync($"DROP SCHEMA IF EXISTS {name} CASCADE");
        }, cancellation);
    }

    /// <summary>The file, and what an engine and a lock leave beside it.</summary>
    private static void RemoveFiles(string file, string name)
    {
        foreach (var left in Directory.GetFiles(Path.GetDirectoryName(Path.GetFullPath(file))!, $"{Path.GetFileName(file)}.{name}*"))
        {
            File.Delete(left);
        }
    }
}
