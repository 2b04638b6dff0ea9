using System.Collections.Concurrent;
using Holdfast.Format.Objects;
using Holdfast.Pods.Storing;
using Holdfast.Protocol.Grants;
using Microsoft.Data.Sqlite;

namespace Holdfast.Pods.Locating;

/// <summary>What must not be found any more: accounts that are closed, and records that are to be wiped from every drive.</summary>
internal sealed partial class PodIndex
{
    // done_on has a bit for each slot whose drive has zeros there, or nothing. A record that a later one of its name has replaced is kept (due = 0): it may still be the better one of the two. When the name is deleted, or the account closed, it goes too.
    private const string ErasureTables = """
        CREATE TABLE closures (account BLOB PRIMARY KEY, closed_at INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE wipes (volume INTEGER, offset INTEGER, account BLOB NOT NULL, space INTEGER NOT NULL, name INTEGER NOT NULL, length INTEGER NOT NULL, sequence INTEGER NOT NULL,
            stored_at INTEGER NOT NULL, due INTEGER NOT NULL, done_on INTEGER NOT NULL DEFAULT 0, PRIMARY KEY (volume, offset)) WITHOUT ROWID;
        CREATE INDEX wipes_of_account ON wipes (account, space, name);
        CREATE INDEX wipes_due ON wipes (volume, offset) WHERE due = 1;
        """;

    private const string WipeColumns = "account, space, name, volume, offset, length, sequence, stored_at, NULL";

    private const string WipeTarget = "volume, offset, account, space, name, length, sequence, stored_at, due";

    /// <summary>Asked with every put; accounts are few beside objects.</summary>
    private const int OpenAccountsKept = 10_000;

    private readonly ConcurrentDictionary<AccountId, long> _openAsOf = new();
    private long _closuresTaken;
    private long _wipeChanges;

    /// <summary>When an account was closed here; null if it was not.</summary>
    public AccountClosure? FindClosure(AccountId account) => Read(
        "SELECT account, closed_at, (SELECT count(*) FROM wipes WHERE wipes.account = closures.account) FROM closures WHERE account = @account", reader => (AccountClosure?)ReadClosure(reader), ("@account", account.ToArray())).FirstOrDefault();

    /// <summary>Closed accounts behind one, in order.</summary>
    public IReadOnlyList<AccountClosure> Closures(AccountId? after, int limit) => Read(
        "SELECT account, closed_at, (SELECT count(*) FROM wipes WHERE wipes.account = closures.account) FROM closures WHERE account > @after ORDER BY account LIMIT @limit",
        ReadClosure, ("@after", after?.ToArray() ?? []), ("@limit", (long)limit));

    /// <summary>True if nothing is taken for an account any more.</summary>
    public bool IsClosed(AccountId account)
    {
        // What was seen before another closure was taken in counts no more.
        var taken = Interlocked.Read(ref _closuresTaken);
        if (_openAsOf.TryGetValue(account, out var asOf) && asOf == taken)
        {
            return false;
        }

        if (Read("SELECT 1 FROM closures WHERE account = @account", _ => true, ("@account", account.ToArray())).Count > 0)
        {
            return true;
        }

        if (_openAsOf.Count >= OpenAccountsKept)
        {
            _openAsOf.Clear();
        }

        _openAsOf[account] = taken;
        return false;
    }

    /// <summary>The record at a place, if it is to be wiped.</summary>
    public ObjectPlace? FindWipe(uint volume, long offset) => Read(
        $"SELECT {WipeColumns} FROM wipes WHERE volume = @volume AND offset = @offset AND due = 1", ReadPlace, ("@volume", (long)volume), ("@offset", offset)).FirstOrDefault();

    /// <summary>Rises whenever there may be more to wipe than before.</summary>
    public long WipeChanges => Interlocked.Read(ref _wipeChanges);

    /// <summary>Records that are to be wiped on one of some drives, behind a place, in order of volumes and offsets.</summary>
    /// <param name="slots">A bit for each drive.</param>
    /// <param name="volume">Behind which place: its volume,</param>
    /// <param name="offset">and its offset.</param>
    /// <param name="limit">How many at most.</param>
    public IReadOnlyList<ObjectPlace> WipesAfter(long slots, uint volume, long offset, int limit) => Read(
        $"SELECT {WipeColumns} FROM wipes WHERE due = 1 AND (volume, offset) > (@volume, @offset) AND done_on & @slots <> @slots ORDER BY volume, offset LIMIT @limit",
        ReadPlace, ("@slots", slots), ("@volume", (long)volume), ("@offset", offset), ("@limit", (long)limit));

    /// <summary>An account's records of one space that are to be wiped on one of some drives.</summary>
    public IReadOnlyList<ObjectPlace> WipesOf(AccountId account, ObjectSpace space, long slots) => Read(
        $"SELECT {WipeColumns} FROM wipes WHERE account = @account AND space = @space AND due = 1 AND done_on & @slots <> @slots ORDER BY volume, offset",
        ReadPlace, ("@account", account.ToArray()), ("@space", (long)space), ("@slots", slots));

    /// <summary>How many records wait to be wiped.</summary>
    public long WipesWaiting => Read("SELECT count(*) FROM wipes WHERE due = 1", reader => reader.GetInt64(0)).First();

    /// <summary>These records are zeros on some drives (a bit for each slot); where they are on all drives they are forgotten.</summary>
    public void Wiped(IEnumerable<ObjectPlace> places, long slots, long allSlots)
    {
        lock (_lock)
        {
            _writer.InTransaction(() =>
            {
                foreach (var place in places)
                {
                    (string, object)[] key = [("@volume", (long)place.Volume), ("@offset", place.Offset), ("@slots", slots), ("@all", allSlots)];
                    _writer.Execute("UPDATE wipes SET done_on = done_on | @slots WHERE volume = @volume AND offset = @offset", key.AsSpan(0, 3));
                    _writer.Execute("DELETE FROM wipes WHERE volume = @volume AND offset = @offset AND done_on & @all = @all", [key[0], key[1], key[3]]);
                }
            });
        }
    }

    /// <summary>An object whose name is taken, or whose account is closed.</summary>
    private void ApplyAgain((string, object)[] place)
    {
        Interlocked.Increment(ref _wipeChanges);
        const string Own = $"INSERT INTO wipes ({WipeTarget}) SELECT @volume, @offset, @account, @space, @name, @length, @sequence, @time,";
        if (_writer.Execute($"{Own} 1 WHERE EXISTS (SELECT 1 FROM closures WHERE account = @account) ON CONFLICT DO NOTHING", place) == 0)
        {
            const string Key = "account = @account AND space = @space AND name = @name";
            _writer.Execute($"INSERT INTO wipes ({WipeTarget}) SELECT volume, offset, account, space, name, length, sequence, stored_at, 0 FROM objects WHERE {Key} AND sequence < @sequence ON CONFLICT DO NOTHING", place);
            _writer.Execute($"{Own} 0 WHERE EXISTS (SELECT 1 FROM objects WHERE {Key} AND sequence > @sequence) ON CONFLICT DO NOTHING", place);
            _writer.Execute($"UPDATE objects SET volume = @volume, offset = @offset, length = @length, sequence = @sequence, stored_at = @time, condemned_at = NULL WHERE {Key} AND sequence < @sequence", place);
        }
    }

    /// <summary>Zeros on some drive: that proves that the object was deleted, and other drives may still have it.</summary>
    private void ApplyWiped((string, object)[] place)
    {
        _writer.Execute($"INSERT INTO wipes ({WipeTarget}) VALUES (@volume, @offset, @account, @space, @name, @length, @sequence, @time, 1) ON CONFLICT DO UPDATE SET due = 1", place);
        _writer.Execute("DELETE FROM objects WHERE account = @account AND space = @space AND name = @name AND sequence = @sequence", place.AsSpan(0, 4));
        Interlocked.Increment(ref _wipeChanges);
    }

    private void ApplyClosure((string, object)[] key)
    {
        (string, object)[] account = [key[0], key[4]];
        _writer.Execute("INSERT INTO closures VALUES (@account, @time) ON CONFLICT DO NOTHING", account);
        WipeBefore("account = @account", account.AsSpan(0, 1));
    }

    private void WipeBefore(string which, ReadOnlySpan<(string, object)> key)
    {
        Interlocked.Increment(ref _wipeChanges);
        _writer.Execute($"UPDATE wipes SET due = 1 WHERE {which}", key);
        _writer.Execute($"INSERT INTO wipes ({WipeTarget}) SELECT volume, offset, account, space, name, length, sequence, stored_at, 1 FROM objects WHERE {which} ON CONFLICT DO UPDATE SET due = 1", key);
        _writer.Execute($"DELETE FROM objects WHERE {which}", key);
    }

    private static AccountClosure ReadClosure(SqliteDataReader reader) => new(new AccountId((byte[])reader.GetValue(0)), DateTimeOffset.FromUnixTimeSeconds(reader.GetInt64(1)), reader.GetInt64(2));
}
