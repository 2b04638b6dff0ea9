using System.IO.Compression;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Placing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.SelfBackups;

/// <summary>What self-backups are made with.</summary>
/// <param name="Key">Seals them.</param>
/// <param name="Files">Small files of the service's folders that belong to it: keys, configuration.</param>
/// <param name="Every">How often.</param>
/// <param name="Kept">How many stay.</param>
/// <param name="Program">The program's version.</param>
public sealed record SelfBackupSettings(SelfBackupKey Key, Func<IReadOnlyList<(string Name, byte[] Content)>> Files, TimeSpan Every, int Kept, string Program);

/// <summary>Copies the service's own databases to its pod, regularly and when somebody asks: directory and stores, each as of one moment, and the keys' files.</summary>
/// <remarks>
/// Not in it: keyrings, which lie on the pod themselves and must be gone from everywhere when an account is closed (format rule 20); sessions of people, codes, mail and jobs, which would
/// come back from the dead.
/// </remarks>
internal sealed partial class SelfBackup(IDatabase directory, AccountDirectory accounts, IReadOnlyDictionary<string, IDatabase> homes, PodClient pod, StoredSelfBackups stored, JobTable jobs, SelfBackupSettings settings, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "self-backup";

    private const int RowsAtOnce = 500;
    private const int BytesAtOnce = 1 << 20;

    private static readonly HashSet<string> _leftOut = ["keyrings", "store_marks", "jobs", "sign_ins", "one_time_codes", "enrolment_codes", "attempts", "idempotency_keys", "outbox", "deliveries", "directory_marks"];

    public string Name => JobName;

    /// <summary>When the first is made: a service that has just begun has nothing to lose.</summary>
    public DateTimeOffset FirstDue => time.GetUtcNow() + TimeSpan.FromHours(1);

    /// <summary>Has one made now.</summary>
    public async Task<SelfBackupStatus> AskAsync(CancellationToken cancellation)
    {
        await jobs.HurryAsync(JobName, "", cancellation);
        return await StatusAsync(cancellation);
    }

    /// <summary>Those that the pod has, and whether one is being made.</summary>
    public async Task<SelfBackupStatus> StatusAsync(CancellationToken cancellation)
    {
        var job = await jobs.FindLatestAsync(JobName, cancellation);
        return new SelfBackupStatus(job?.State == "running" || job?.DueAt <= time.GetUtcNow().ToUnixTimeSeconds(), job?.Failure,
            [.. (await stored.ListAsync(cancellation)).Select(backup => new SelfBackupSummary(backup.Number, backup.StoredAt, backup.Parts.Sum(part => part.Length)))]);
    }

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var begun = time.GetUtcNow();
        var last = (await stored.ListAsync(cancellation, all: true)).Select(backup => backup.Number).DefaultIfEmpty().Max();
        await using (var parts = new PartWriter(pod, settings.Key, Math.Max(last + 1, (uint)(begun.ToUnixTimeSeconds() / 60)), cancellation))
        {
            await using (var compressed = new GZipStream(parts, CompressionLevel.Fastest, leaveOpen: true))
            {
                await WriteAsync(compressed, begun, cancellation);
            }

            await parts.CompleteAsync();
        }

        try
        {
            // While accounts are compared with the pod, no copy is too many.
            if (await accounts.CountReconcilingAsync(cancellation) == 0)
            {
                await stored.PruneAsync(settings.Kept, cancellation);
            }
        }
        catch (HoldfastException exception)
        {
            // The copy is made; the next one prunes.
            LogNotPruned(exception);
        }

        return begun + settings.Every;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Older copies of the databases could not be given up.")]
    private partial void LogNotPruned(Exception exception);

    private async Task WriteAsync(Stream target, DateTimeOffset begun, CancellationToken cancellation)
    {
        await CopyStreams.WriteAsync(target, new CopyBegin(begun.ToUnixTimeSeconds(), settings.Program, SchemaUpgrade.NewestOf(DatabaseKind.Directory), SchemaUpgrade.NewestOf(DatabaseKind.Accounts)), cancellation);
        foreach (var (name, content) in settings.Files())
        {
            await CopyStreams.WriteAsync(target, new CopiedFile(name, content), cancellation);
        }

        // The directory first: an account that is made in between has rows in a store, and nobody asks for them.
        var rows = await WriteAsync(target, "", directory, cancellation);
        foreach (var (name, home) in homes)
        {
            rows += await WriteAsync(target, name, home, cancellation);
        }

        await CopyStreams.WriteAsync(target, new CopyEnd(rows), cancellation);
    }

    /// <summary>One database, as of one moment; how many rows.</summary>
    private static async Task<long> WriteAsync(Stream target, string name, IDatabase database, CancellationToken cancellation)
    {
        var isBegun = false;
        return await database.ReadAsync(async transaction =>
        {
            // A read that begins again, on another connection, would be another moment behind what is written already: the job begins again instead.
            isBegun = !isBegun ? true : throw new IOException("the database's connection was lost while it was copied");
            transaction.IsPatient = true;
            var total = 0L;
            foreach (var table in database.Tables.Where(table => !_leftOut.Contains(table)))
            {
                var (rows, length) = (new List<object?[]>(), 0L);
                async Task FlushAsync()
                {
                    await CopyStreams.WriteAsync(target, new CopiedRows([.. rows]), cancellation);
                    (rows, length) = ([], 0);
                }

                var isTold = false;
                await transaction.ReadRowsAsync($"SELECT * FROM {table}", async (columns, row) =>
                {
                    if (!isTold)
                    {
                        await CopyStreams.WriteAsync(target, new CopiedTable(name, table, columns), cancellation);
                        isTold = true;
                    }

                    rows.Add(row);
                    total++;
                    length += row.Sum(value => value is byte[] bytes ? bytes.Length : value is string text ? 2L * text.Length : 8);
                    if (rows.Count == RowsAtOnce || length > BytesAtOnce)
                    {
                        await FlushAsync();
                    }
                });
                if (rows.Count > 0)
                {
                    await FlushAsync();
                }
            }

            return total;
        }, cancellation);
    }
}
