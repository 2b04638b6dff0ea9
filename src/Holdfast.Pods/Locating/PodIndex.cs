using Holdfast.Format.Objects;
using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Grants;
using Microsoft.Data.Sqlite;

namespace Holdfast.Pods.Locating;

/// <summary>Where an object lies: its record in a volume.</summary>
internal sealed record ObjectPlace(ObjectName Name, uint Volume, long Offset, long Length, ulong Sequence, DateTimeOffset StoredAt, DateTimeOffset? CondemnedAt);

/// <summary>Finds objects by name. A cache on disk: everything in it is made again from the drives, so that memory does not grow with what a pod holds.</summary>
/// <remarks>SQLite in WAL mode: after a crash it may lack the latest records, never has wrong ones; how far each volume is known stands in it. Thread-safe.</remarks>
internal sealed class PodIndex : IDisposable
{
    private const int SchemaVersion = 2;
    private const int ListPage = 1000;

    private readonly SqliteConnection _writer;
    private readonly string _connection;
    private readonly Lock _lock = new();

    private PodIndex(string connection, SqliteConnection writer)
    {
        _connection = connection;
        _writer = writer;
    }

    /// <summary>Opens the index of a set; one that is of another set, damaged or of another version is thrown away and begins empty.</summary>
    public static PodIndex Open(string path, Guid set)
    {
        if (TryOpen(path, set) is { } index)
        {
            return index;
        }

        foreach (var file in new[] { path, path + "-wal", path + "-shm" })
        {
            File.Delete(file);
        }

        return TryOpen(path, set) ?? throw new IOException($"{path} cannot be made");
    }

    /// <summary>Takes in records that are durable, in one transaction, and how far their volume is known then.</summary>
    public void Add(uint volume, IEnumerable<ContentsRow> rows, long knownTo, bool isSealed)
    {
        lock (_lock)
        {
            using var transaction = _writer.BeginTransaction();
            foreach (var row in rows)
            {
                Apply(transaction, volume, row);
            }

            Execute(_writer, transaction, "INSERT INTO volumes (volume, known_to, sealed) VALUES (@volume, @knownTo, @sealed) ON CONFLICT (volume) DO UPDATE SET known_to = @knownTo, sealed = @sealed",
                ("@volume", (long)volume), ("@knownTo", knownTo), ("@sealed", isSealed ? 1L : 0L));
            transaction.Commit();
        }
    }

    /// <summary>A volume that is about to be made: its number is taken, whatever becomes of it.</summary>
    public void Reserve(uint volume, Guid generation)
    {
        lock (_lock)
        {
            Execute(_writer, null, "INSERT INTO volumes (volume, known_to, sealed, generation) VALUES (@volume, 0, 0, @generation) ON CONFLICT (volume) DO UPDATE SET known_to = 0, sealed = 0, doubtful = 0, generation = @generation",
                ("@volume", (long)volume), ("@generation", generation.ToByteArray()));
        }
    }

    /// <summary>The generation that a volume was made with; null if it is not known.</summary>
    public Guid? GenerationOf(uint volume) => Read("SELECT generation FROM volumes WHERE volume = @volume AND generation IS NOT NULL",
        reader => (Guid?)new Guid((byte[])reader.GetValue(0)), ("@volume", (long)volume)).FirstOrDefault();

    /// <summary>The highest number that any volume had.</summary>
    public uint LastVolume => (uint)Read("SELECT coalesce(max(volume), 0) FROM volumes", reader => reader.GetInt64(0)).First();

    /// <summary>How far a volume is known, and whether it is sealed; null if it is not known at all.</summary>
    public (long KnownTo, bool IsSealed)? Volume(uint volume) => Read("SELECT known_to, sealed FROM volumes WHERE volume = @volume",
        reader => ((long, bool)?)(reader.GetInt64(0), reader.GetInt64(1) != 0), ("@volume", (long)volume)).FirstOrDefault();

    /// <summary>Shards whose extents may lack something, since their drives or the process failed while they were written: to be looked through, and mended.</summary>
    public IReadOnlyList<(uint Volume, int Shard)> Doubtful() =>
        [.. from row in Read("SELECT volume, doubtful FROM volumes WHERE doubtful <> 0", reader => (Volume: (uint)reader.GetInt64(0), Bits: (uint)reader.GetInt64(1)))
            from shard in Enumerable.Range(0, 32)
            where (row.Bits & (1u << shard)) != 0
            select (row.Volume, shard)];

    public void Doubt(uint volume, int shard) => UpdateDoubt("doubtful | @bit", volume, shard);

    public void Trust(uint volume, int shard) => UpdateDoubt("doubtful & ~@bit", volume, shard);

    private void UpdateDoubt(string value, uint volume, int shard)
    {
        lock (_lock)
        {
            Execute(_writer, null, $"UPDATE volumes SET doubtful = {value} WHERE volume = @volume", ("@volume", (long)volume), ("@bit", 1L << shard));
        }
    }

    public ObjectPlace? Find(ObjectName name) => Read($"SELECT {Columns} FROM objects WHERE account = @account AND space = @space AND name = @name", ReadPlace, KeyOf(name)).FirstOrDefault();

    /// <summary>Objects behind a name, or all, in order of their names.</summary>
    public IEnumerable<ObjectPlace> List(ObjectName? after)
    {
        var last = after is { } from ? (Account: from.Account.ToArray(), Space: (long)from.Space, Name: (long)from.Number) : (Account: [], Space: -1L, Name: 0L);
        while (true)
        {
            var page = Read(
                $"SELECT {Columns} FROM objects WHERE (account, space, name) > (@account, @space, @name) ORDER BY account, space, name LIMIT {ListPage}",
                ReadPlace, ("@account", last.Account), ("@space", last.Space), ("@name", last.Name));
            foreach (var place in page)
            {
                yield return place;
            }

            if (page.Count < ListPage)
            {
                yield break;
            }

            last = (page[^1].Name.Account.ToArray(), (long)page[^1].Name.Space, (long)page[^1].Name.Number);
        }
    }

    /// <summary>The highest sequence of any record taken in.</summary>
    public ulong LastSequence => (ulong)Read("SELECT value FROM meta WHERE name = 'sequence'", reader => reader.GetInt64(0)).First();

    /// <summary>A number that is kept beside the index; null if it was never set.</summary>
    public long? Setting(string name) => Read("SELECT value FROM meta WHERE name = @name", reader => (long?)reader.GetInt64(0), ("@name", name)).FirstOrDefault();

    public void Set(string name, long value)
    {
        lock (_lock)
        {
            Execute(_writer, null, "INSERT INTO meta VALUES (@name, @value) ON CONFLICT DO UPDATE SET value = @value", ("@name", name), ("@value", value));
        }
    }

    /// <summary>Objects, and the bytes of their contents.</summary>
    public (long Objects, long Bytes) Totals => Read("SELECT count(*), coalesce(sum(length), 0) FROM objects", reader => (reader.GetInt64(0), reader.GetInt64(1))).First();

    public void Dispose()
    {
        _writer.Dispose();
        using var pool = new SqliteConnection(_connection);
        SqliteConnection.ClearPool(pool);
    }

    private const string Columns = "account, space, name, volume, offset, length, sequence, stored_at, condemned_at";

    private static PodIndex? TryOpen(string path, Guid set)
    {
        var connection = new SqliteConnectionStringBuilder { DataSource = path, Pooling = true, DefaultTimeout = 30 }.ToString();
        var writer = new SqliteConnection(connection);
        try
        {
            writer.Open();
            Execute(writer, null, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL");
            var version = (long)Scalar(writer, "PRAGMA user_version")!;
            if (version == 0)
            {
                Execute(writer, null, $"""
                    BEGIN;
                    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
                    CREATE TABLE objects (account BLOB, space INTEGER, name INTEGER, volume INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, sequence INTEGER NOT NULL,
                        stored_at INTEGER NOT NULL, condemned_at INTEGER, PRIMARY KEY (account, space, name)) WITHOUT ROWID;
                    CREATE TABLE volumes (volume INTEGER PRIMARY KEY, known_to INTEGER NOT NULL, sealed INTEGER NOT NULL, doubtful INTEGER NOT NULL DEFAULT 0, generation BLOB);
                    INSERT INTO meta VALUES ('set', '{set}'), ('sequence', 0);
                    PRAGMA user_version = {SchemaVersion};
                    COMMIT;
                    """);
            }

            if ((long)Scalar(writer, "PRAGMA user_version")! == SchemaVersion && (string)Scalar(writer, "SELECT value FROM meta WHERE name = 'set'")! == set.ToString()
                && (string)Scalar(writer, "PRAGMA quick_check(1)")! == "ok")
            {
                return new PodIndex(connection, writer);
            }
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is 11 or 26 or 1)
        {
            // Damaged, or no database: it is made again.
        }

        SqliteConnection.ClearPool(writer);
        writer.Dispose();
        return null;
    }

    private void Apply(SqliteTransaction transaction, uint volume, ContentsRow row)
    {
        var parameters = new (string, object)[]
        {
            ("@account", row.Name.Account.ToArray()), ("@space", (long)row.Name.Space), ("@name", (long)row.Name.Number), ("@volume", (long)volume), ("@offset", row.Offset),
            ("@length", row.ObjectLength), ("@sequence", (long)row.Sequence), ("@time", row.Time.ToUnixTimeSeconds()),
        };
        const string Key = "account = @account AND space = @space AND name = @name AND sequence < @sequence";
        Execute(_writer, transaction, row.Type switch
        {
            RecordType.Object => """
                INSERT INTO objects VALUES (@account, @space, @name, @volume, @offset, @length, @sequence, @time, NULL)
                ON CONFLICT DO UPDATE SET volume = @volume, offset = @offset, length = @length, sequence = @sequence, stored_at = @time, condemned_at = NULL WHERE sequence < @sequence
                """,
            RecordType.Condemned => $"UPDATE objects SET condemned_at = @time WHERE {Key}",
            RecordType.Revived => $"UPDATE objects SET condemned_at = NULL WHERE {Key}",
            RecordType.Deleted => $"DELETE FROM objects WHERE {Key}",
            _ => "SELECT 1",
        }, parameters);
        Execute(_writer, transaction, "UPDATE meta SET value = max(value, @sequence) WHERE name = 'sequence'", ("@sequence", (long)row.Sequence));
    }

    private List<T> Read<T>(string sql, Func<SqliteDataReader, T> read, params (string Name, object Value)[] parameters)
    {
        using var connection = new SqliteConnection(_connection);
        connection.Open();
        using var command = Command(connection, null, sql, parameters);
        using var reader = command.ExecuteReader();
        var rows = new List<T>();
        while (reader.Read())
        {
            rows.Add(read(reader));
        }

        return rows;
    }

    private static ObjectPlace ReadPlace(SqliteDataReader reader) => new(
        new ObjectName(new AccountId((byte[])reader.GetValue(0)), (ObjectSpace)reader.GetInt64(1), (ulong)reader.GetInt64(2)), (uint)reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5),
        (ulong)reader.GetInt64(6), DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(7)), reader.IsDBNull(8) ? null : DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(8)));

    private static (string, object)[] KeyOf(ObjectName name) => [("@account", name.Account.ToArray()), ("@space", (long)name.Space), ("@name", (long)name.Number)];

    private static void Execute(SqliteConnection connection, SqliteTransaction? transaction, string sql, params (string Name, object Value)[] parameters)
    {
        using var command = Command(connection, transaction, sql, parameters);
        command.ExecuteNonQuery();
    }

    private static object? Scalar(SqliteConnection connection, string sql)
    {
        using var command = Command(connection, null, sql, []);
        return command.ExecuteScalar();
    }

    private static SqliteCommand Command(SqliteConnection connection, SqliteTransaction? transaction, string sql, (string Name, object Value)[] parameters)
    {
        var command = connection.CreateCommand();
        (command.CommandText, command.Transaction) = (sql, transaction);
        foreach (var (name, value) in parameters)
        {
            command.Parameters.AddWithValue(name, value);
        }

        return command;
    }
}
