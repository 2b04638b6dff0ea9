using System.Data.Common;
using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using Dapper;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Databases;

/// <summary>Numbered SQL per engine and kind of database, all that is lacking in one transaction.</summary>
/// <remarks>
/// Two versions of the program run side by side while nodes are replaced: a schema is expanded first and contracted a release later. So every step can be used by a program
/// that knows only the step before it, unless its SQL says <c>-- oldest: N</c>. What a program knows too little of, it refuses and leaves as it is.
/// </remarks>
internal static partial class SchemaUpgrade
{
    /// <summary>Brings a database up to date; false if it was.</summary>
    /// <param name="connection">Open.</param>
    /// <param name="transaction">One that keeps every other program from upgrading at the same time.</param>
    /// <param name="engine">Names the folder of the SQL.</param>
    /// <param name="kind">What the database is for.</param>
    /// <param name="first">The schema of a database that an older version made without the table that says it; 0 for a new one.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task<bool> RunAsync(DbConnection connection, DbTransaction transaction, string engine, DatabaseKind kind, int first, CancellationToken cancellation)
    {
        var (steps, name) = (Steps(engine, kind), kind.ToString());
        var (known, oldest) = (steps[^1].Number, steps[^1].Oldest);
        await connection.ExecuteAsync(Command("CREATE TABLE IF NOT EXISTS holdfast_schema (kind VARCHAR(32) PRIMARY KEY, number BIGINT NOT NULL, oldest BIGINT NOT NULL)"));
        var found = await connection.QuerySingleOrDefaultAsync<(long Number, long Oldest)>(Command("SELECT number, oldest FROM holdfast_schema WHERE kind = @name"));
        var (number, oldestThere) = found.Number == 0 ? (first, first) : found;
        if (number >= known)
        {
            return number == known || oldestThere <= known ? false : throw new HoldfastException(FailureTable.NewerVersion,
                $"The {name.ToLowerInvariant()} database has schema {number}, which programs that know schema {oldestThere} or newer can use; this one knows {known}. It was left as it is: update this program.");
        }

        foreach (var step in steps.Where(step => step.Number > number))
        {
            await connection.ExecuteAsync(Command(step.Sql));
        }

        await connection.ExecuteAsync(Command(
            "INSERT INTO holdfast_schema (kind, number, oldest) VALUES (@name, @known, @oldest) ON CONFLICT (kind) DO UPDATE SET number = excluded.number, oldest = excluded.oldest"));
        return true;

        CommandDefinition Command(string sql) => new(sql, new { name, known = (long)known, oldest = (long)oldest }, transaction, commandTimeout: 0, cancellationToken: cancellation);
    }

    /// <summary>The newest schema that this program knows.</summary>
    public static int NewestOf(string engine, DatabaseKind kind) => Steps(engine, kind)[^1].Number;

    /// <summary>The newest schema of a kind, which is the same for every engine.</summary>
    public static int NewestOf(DatabaseKind kind) => NewestOf("Sqlite", kind);

    /// <summary>The tables of a kind: another may share its database.</summary>
    public static IReadOnlyList<string> TablesOf(string engine, DatabaseKind kind) =>
        [.. Steps(engine, kind).SelectMany(step => MadeTable().Matches(step.Sql)).Select(match => match.Groups[1].Value)];

    /// <summary>The tables of a kind, which are the same for every engine.</summary>
    public static IReadOnlyList<string> TablesOf(DatabaseKind kind) => TablesOf("Sqlite", kind);

    private static List<Step> Steps(string engine, DatabaseKind kind)
    {
        var prefix = $"{engine}/{kind}/";
        return [.. Assembly.GetExecutingAssembly().GetManifestResourceNames()
            .Where(name => name.StartsWith(prefix, StringComparison.Ordinal))
            .Select(name => Read(name, int.Parse(name[prefix.Length..], CultureInfo.InvariantCulture))).OrderBy(step => step.Number)];
    }

    private static Step Read(string name, int number)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        var sql = reader.ReadToEnd();
        return new Step(number, OldestProgram().Match(sql) is { Success: true } match ? int.Parse(match.Groups[1].ValueSpan, CultureInfo.InvariantCulture) : number - 1, sql);
    }

    [GeneratedRegex(@"^-- oldest: (\d+)$", RegexOptions.Multiline)]
    private static partial Regex OldestProgram();

    [GeneratedRegex(@"^CREATE TABLE (\w+)", RegexOptions.Multiline)]
    private static partial Regex MadeTable();

    /// <summary>A step, and the newest one that a program must know at least to use what it makes.</summary>
    private sealed record Step(int Number, int Oldest, string Sql);
}
