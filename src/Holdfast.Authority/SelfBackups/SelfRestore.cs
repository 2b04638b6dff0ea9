using Holdfast.Authority.Accounts;
using Holdfast.Authority.Billing;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Moving;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Rebuilding;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.SelfBackups;

/// <summary>What a restored copy had.</summary>
/// <param name="MadeAt">When it was made, seconds since 1970.</param>
/// <param name="Program">The program that made it.</param>
/// <param name="Accounts">Accounts that are back.</param>
/// <param name="Rows">Rows in all.</param>
/// <param name="Closed">Accounts in it that were closed since.</param>
public sealed record SelfRestored(long MadeAt, string Program, long Accounts, long Rows, long Closed);

/// <summary>
/// Fills empty databases from a self-backup, and before anybody is let in, from the pod, each account's log, keyrings and heads: who was revoked since is not let in, and who has the passphrase can restore.
/// Accounts that were closed since are deleted again. What else came since the copy is found by <see cref="Reconciling.Reconciliation"/> while the service runs; until then accounts back up nothing.
/// </summary>
internal sealed class SelfRestore(
    IDatabase directoryDatabase, IReadOnlyDictionary<string, IDatabase> homes, AccountDirectory directory, AccountStore store, Closures closures, PodClient pod, StoredSelfBackups stored, TimeProvider time)
{
    private const int AccountsAtOnce = 8;

    /// <summary>The small files in a copy.</summary>
    /// <param name="key">Opens it.</param>
    /// <param name="number">Which; the latest if null.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<IReadOnlyList<(string Name, byte[] Content)>> FilesAsync(SelfBackupKey key, uint? number, CancellationToken cancellation)
    {
        var files = new List<(string, byte[])>();
        await foreach (var record in ReadAsync(key, await FindAsync(number, cancellation), cancellation))
        {
            switch (record)
            {
                case CopyBegin: break;
                case CopiedFile file: files.Add((file.Name, file.Content)); break;
                default: return files;
            }
        }

        return files;
    }

    public async Task<SelfRestored> RunAsync(SelfBackupKey key, uint? number, Action<string> trouble, Action<long> progress, CancellationToken cancellation)
    {
        var backup = await FindAsync(number, cancellation);
        if (await directory.MarkAsync(EmptyDatabases.Mark, cancellation) is null && await directoryDatabase.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM people"), cancellation) is > 0 and var people)
        {
            throw new HoldfastException(FailureTable.Conflict, $"The directory has {people} people: restoring a copy needs empty databases. Nothing was changed.");
        }

        var mark = await EmptyDatabases.BeginAsync(directory, store, time, cancellation);
        foreach (var table in directoryDatabase.Tables.Where(table => table != "directory_marks"))
        {
            await directoryDatabase.WriteAsync(transaction => transaction.ExecuteAsync($"DELETE FROM {table}"), cancellation);
        }

        var (begin, rows) = await FillAsync(key, backup, progress, cancellation);
        await new RestoredMoves(directoryDatabase, homes).SettleAsync(cancellation);
        var count = await directory.BeginReconcilingAsync(cancellation);
        await closures.BeginAnewAsync(cancellation);
        var closed = await DeleteClosedAsync(cancellation);
        await ReadLogsAsync(trouble, cancellation);

        // Also if the copy has no accounts: all that there are may have come since.
        await directoryDatabase.WriteAsync(async transaction =>
        {
            await JobTable.EnqueueAsync(transaction, Reconciling.Reconciliation.JobName, "", time);
            await InvoicingTable.HoldAsync(transaction);
            return 0;
        }, cancellation);
        await EmptyDatabases.EndAsync(directory, mark, cancellation);
        return new SelfRestored(begin.MadeAt, begin.Program, count - closed, rows, closed);
    }

    private async Task<StoredSelfBackup> FindAsync(uint? number, CancellationToken cancellation)
    {
        var there = await stored.ListAsync(cancellation);
        return number is null
            ? there.Count > 0 ? there[^1] : throw new HoldfastException(FailureTable.NotFound, "The pod has no whole self-backup: `holdfastd rebuild` brings accounts back without one.")
            : there.FirstOrDefault(backup => backup.Number == number) ?? throw new HoldfastException(FailureTable.NotFound, $"The pod has no self-backup {number}; it has {string.Join(", ", there.Select(backup => backup.Number))}.");
    }

    private async IAsyncEnumerable<CopyRecord> ReadAsync(SelfBackupKey key, StoredSelfBackup backup, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        await using var parts = new PartReader(pod, key, backup);
        var isFirst = true;
        await foreach (var record in CopyStreams.ReadAsync(parts, cancellation))
        {
            if (isFirst && (record is not CopyBegin begin || begin.DirectorySchema > SchemaUpgrade.NewestOf(DatabaseKind.Directory) || begin.AccountsSchema > SchemaUpgrade.NewestOf(DatabaseKind.Accounts)))
            {
                throw new HoldfastException(FailureTable.NewerVersion, $"Self-backup {backup.Number} was made by a newer program: restore it with that one or a later one.");
            }

            isFirst = false;
            yield return record;
        }
    }

    private async Task<(CopyBegin Begin, long Rows)> FillAsync(SelfBackupKey key, StoredSelfBackup backup, Action<long> progress, CancellationToken cancellation)
    {
        var (begin, table, database, total) = ((CopyBegin?)null, (CopiedTable?)null, (IDatabase?)null, 0L);
        await foreach (var record in ReadAsync(key, backup, cancellation))
        {
            switch (record)
            {
                case CopyBegin first:
                    begin = first;
                    break;
                case CopiedTable next:
                    (table, database) = (next, DatabaseOf(next));
                    await database.WriteAsync(transaction => transaction.ExecuteAsync($"DELETE FROM {next.Table}"), cancellation);
                    break;
                case CopiedRows rows when table is not null:
                    total += await InsertAsync(database!, table, rows, cancellation);
                    progress(total);
                    break;
                case CopyEnd end when end.Rows != total:
                    throw new HoldfastException(FailureTable.DamagedObject, $"Self-backup {backup.Number} says that it has {end.Rows} rows, and has {total}.");
                default:
                    break;
            }
        }

        return (begin!, total);
    }

    private IDatabase DatabaseOf(CopiedTable table)
    {
        var database = table.Database.Length == 0 ? directoryDatabase : homes.GetValueOrDefault(table.Database)
            ?? throw new HoldfastException(FailureTable.InvalidRequest, $"The copy has accounts in the store '{table.Database}': name it in holdfastd.json, and run this again.");
        return database.Tables.Contains(table.Table) && table.Columns.All(column => column.All(letter => char.IsAsciiLetterLower(letter) || letter == '_'))
            ? database : throw new HoldfastException(FailureTable.NewerVersion, $"The copy has a table '{table.Table}' that this program does not know.");
    }

    private static Task<long> InsertAsync(IDatabase database, CopiedTable table, CopiedRows rows, CancellationToken cancellation) => database.WriteAsync(async transaction =>
    {
        var sql = $"INSERT INTO {table.Table} ({string.Join(", ", table.Columns)}) VALUES ({string.Join(", ", table.Columns.Select((_, i) => $"@p{i}"))})";
        return (long)await transaction.ExecuteEachAsync(sql, [.. rows.Rows.Select(row => row.Length == table.Columns.Count
            ? (object)row.Select((value, i) => ($"p{i}", value)).ToList() : throw new HoldfastException(FailureTable.DamagedObject, $"A row of '{table.Table}' has {row.Length} values."))]);
    }, cancellation);

    /// <summary>What the pod says was closed stays closed; how many were in the copy.</summary>
    private async Task<long> DeleteClosedAsync(CancellationToken cancellation)
    {
        var closed = 0L;
        await foreach (var closure in pod.ListClosedAsync(cancellation))
        {
            if (await directory.FindAsync(AccountId.Parse(closure.Account), cancellation) is { } place)
            {
                closed++;
                await store.CloseAsync(place, cancellation);
                await store.PurgeAsync(place, cancellation);
                await closures.DeletedAsync(place, cancellation);
            }

            await closures.KeepAsync(closure, cancellation);
        }

        return closed;
    }

    /// <summary>Each account's log, keyrings and new heads, from the pod.</summary>
    private async Task ReadLogsAsync(Action<string> trouble, CancellationToken cancellation)
    {
        var (places, reading) = (new List<AccountPlace>(), new AccountReading(store, pod, time));
        for (AccountId? after = null; (places = await directory.ReconcilingAsync(after, cancellation)).Count > 0; after = places[^1].Account)
        {
            await Parallel.ForEachAsync(places, new ParallelOptions { MaxDegreeOfParallelism = AccountsAtOnce, CancellationToken = cancellation }, async (place, token) =>
            {
                var draft = await reading.BeginAsync(place.Account, place, token);
                if (draft.Log.Sequence > 0)
                {
                    draft.Troubles.ToList().ForEach(what => trouble($"account {place.Name}: {what}"));
                    await directory.SetLogDamagedAsync(place.Account, draft.IsLogDamaged, token);
                    await reading.AdmitAsync(place, draft, token);
                }
            });
        }
    }
}
