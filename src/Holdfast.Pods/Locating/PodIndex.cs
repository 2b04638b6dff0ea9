using System.Collections.Concurrent;
using Holdfast.Format.Objects;
using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Grants;
using Microsoft.Data.Sqlite;

namespace Holdfast.Pods.Locating;

/// <summary>Where an object lies: its record in a volume.</summary>
internal sealed record ObjectPlace(ObjectName Name, uint Volume, long Offset, long Length, ulong Sequence, DateTimeOffset StoredAt, DateTimeOffset? CondemnedAt);

/// <summary>Finds objects by name. A cache on disk: everything in it is made again from the drives, so that memory does not grow with what a pod holds.</summary>
/// <remarks>SQLite in WAL mode: after a crash it may lack the latest records, never has wrong ones; how far each volume is known stands in it. Thread-safe.</remarks>
internal sealed partial class PodIndex : IDisposable
{
    private const int SchemaVersion = 3;
    private const int ListPage = 1000;

    private const int ReadersKeptMax = 16;

    private readonly IndexConnection _writer;
    private readonly ConcurrentBag<IndexConnection> _readers = [];
    private readonly string _path;
    private readonly Lock _lock = new();
    private volatile bool _isClosed;

    private PodIndex(string path, IndexConnection writer)
    {
        (_path, _writer) = (path, writer);
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
            var (last, closures) = (0UL, 0);
            _writer.InTransaction(() =>
            {
                foreach (var row in rows)
                {
                    Apply(volume, row);
                    last = Math.Max(last, row.Sequence);
                    closures += row.Type == RecordType.Closed ? 1 : 0;
                }

                _writer.Execute("UPDATE meta SET value = max(value, @sequence) WHERE name = 'sequence'", ("@sequence", (long)last));
                _writer.Execute("INSERT INTO volumes (volume, known_to, sealed) VALUES (@volume, @knownTo, @sealed) ON CONFLICT (volume) DO UPDATE SET known_to = @knownTo, sealed = @sealed",
                    ("@volume", (long)volume), ("@knownTo", knownTo), ("@sealed", isSealed ? 1L : 0L));
            });
            Interlocked.Add(ref _closuresTaken, closures);
        }
    }

    /// <summary>A volume that is about to be made: its number is taken, whatever becomes of it.</summary>
    public void Reserve(uint volume, Guid generation)
    {
        lock (_lock)
        {
            _writer.Execute("DELETE FROM wipes WHERE volume = @volume", ("@volume", (long)volume));
            _writer.Execute("INSERT INTO volumes (volume, known_to, sealed, generation) VALUES (@volume, 0, 0, @generation) ON CONFLICT (volume) DO UPDATE SET known_to = 0, sealed = 0, doubtful = 0, generation = @generation",
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
            _writer.Execute($"UPDATE volumes SET doubtful = {value} WHERE volume = @volume", ("@volume", (long)volume), ("@bit", 1L << shard));
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
            _writer.Execute("INSERT INTO meta VALUES (@name, @value) ON CONFLICT DO UPDATE SET value = @value", ("@name", name), ("@value", value));
        }
    }

    /// <summary>Objects, and the bytes of their contents.</summary>
    public (long Objects, long Bytes) Totals => Read("SELECT count(*), coalesce(sum(length), 0) FROM objects", reader => (reader.GetInt64(0), reader.GetInt64(1))).First();

    public void Dispose()
    {
        _isClosed = true;
        lock (_lock)
        {
            _writer.Dispose();
        }

        CloseReaders();
    }

    private void CloseReaders()
    {
        while (_readers.TryTake(out var reader))
        {
            reader.Dispose();
        }
    }

    private const string Columns = "account, space, name, volume, offset, length, sequence, stored_at, condemned_at";

    private static PodIndex? TryOpen(string path, Guid set)
    {
        IndexConnection? writer = null;
        try
        {
            writer = new IndexConnection(path);
            writer.Scalar("PRAGMA journal_mode = WAL");
            writer.Execute("PRAGMA synchronous = NORMAL");
            if ((long)writer.Scalar("PRAGMA user_version")! == 0)
            {
                writer.Execute($"""
                    BEGIN;
                    CREATE TABLE meta (name TEXT PRIMARY KEY, value) WITHOUT ROWID;
                    CREATE TABLE objects (account BLOB, space INTEGER, name INTEGER, volume INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL, sequence INTEGER NOT NULL,
                        stored_at INTEGER NOT NULL, condemned_at INTEGER, PRIMARY KEY (account, space, name)) WITHOUT ROWID;
                    CREATE TABLE volumes (volume INTEGER PRIMARY KEY, known_to INTEGER NOT NULL, sealed INTEGER NOT NULL, doubtful INTEGER NOT NULL DEFAULT 0, generation BLOB);
                    INSERT INTO meta VALUES ('set', '{set}'), ('sequence', 0);
                    {ErasureTables}
                    PRAGMA user_version = {SchemaVersion};
                    COMMIT;
                    """);
            }

            if ((long)writer.Scalar("PRAGMA user_version")! == SchemaVersion && (string)writer.Scalar("SELECT value FROM meta WHERE name = 'set'")! == set.ToString()
                && (string)writer.Scalar("PRAGMA quick_check(1)")! == "ok")
            {
                var index = new PodIndex(path, writer);
                writer = null;
                return index;
            }
        }
        catch (SqliteException exception) when (exception.SqliteErrorCode is 11 or 26 or 1)
        {
            // Damaged, or no database: it is made again.
        }
        finally
        {
            writer?.Dispose();
        }

        return null;
    }

    private void Apply(uint volume, ContentsRow row)
    {
        (string, object)[] key =
        [
            ("@account", row.Name.Account.ToArray()), ("@space", (long)row.Name.Space), ("@name", (long)row.Name.Number), ("@sequence", (long)row.Sequence), ("@time", row.Time.ToUnixTimeSeconds()),
        ];
        const string Key = "account = @account AND space = @space AND name = @name AND sequence < @sequence";
        switch (row.Type)
        {
            case RecordType.Object:
                (string, object)[] place = [.. key, ("@volume", (long)volume), ("@offset", row.Offset), ("@length", row.ObjectLength)];
                if (_writer.Execute("INSERT INTO objects SELECT @account, @space, @name, @volume, @offset, @length, @sequence, @time, NULL WHERE NOT EXISTS (SELECT 1 FROM closures WHERE account = @account) ON CONFLICT DO NOTHING", place) == 0)
                {
                    ApplyAgain(place);
                }

                break;
            case RecordType.Condemned:
                _writer.Execute($"UPDATE objects SET condemned_at = @time WHERE {Key}", key);
                break;
            case RecordType.Revived:
                _writer.Execute($"UPDATE objects SET condemned_at = NULL WHERE {Key}", key.AsSpan(0, 4));
                break;
            case RecordType.Deleted:
                WipeBefore("account = @account AND space = @space AND name = @name AND sequence < @sequence", key.AsSpan(0, 4));
                break;
            case RecordType.Closed:
                ApplyClosure(key);
                break;
            case RecordType.Wiped:
                ApplyWiped([.. key, ("@volume", (long)volume), ("@offset", row.Offset), ("@length", row.ObjectLength)]);
                break;
            default:
                break;
        }
    }

    private List<T> Read<T>(string sql, Func<SqliteDataReader, T> read, params (string Name, object Value)[] parameters)
    {
        ObjectDisposedException.ThrowIf(_isClosed, this);
        var connection = _readers.TryTake(out var free) ? free : new IndexConnection(_path);
        try
        {
            return connection.Read(sql, read, parameters);
        }
        finally
        {
            if (_readers.Count >= ReadersKeptMax)
            {
                connection.Dispose();
            }
            else
            {
                _readers.Add(connection);
            }

            if (_isClosed)
            {
                CloseReaders();
            }
        }
    }

    private static ObjectPlace ReadPlace(SqliteDataReader reader) => new(
        new ObjectName(new AccountId((byte[])reader.GetValue(0)), (ObjectSpace)reader.GetInt64(1), (ulong)reader.GetInt64(2)), (uint)reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5),
        (ulong)reader.GetInt64(6), DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(7)), reader.IsDBNull(8) ? null : DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(8)));

    private static (string, object)[] KeyOf(ObjectName name) => [("@account", name.Account.ToArray()), ("@space", (long)name.Space), ("@name", (long)name.Number)];
}
