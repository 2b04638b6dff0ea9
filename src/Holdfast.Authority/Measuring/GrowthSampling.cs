using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Placing;
using Holdfast.Permissions;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Measuring;

/// <summary>Once a day: rows and bytes of every table, packs and bytes of the pod and its drives, files of registered trees, accounts, computers, and how many of those are behind. The same day again changes nothing.</summary>
internal sealed partial class GrowthSampling(AccountDirectory directory, IDatabase directoryDatabase, AccountStore store, AccountUsages usages, Samples samples, PodPlace pod, IReadOnlyDictionary<string, string> trees, TimeProvider time, ILogger logger) : IJobKind
{
    public const string JobName = "growth";

    private const int SecondsPerDay = 86_400;

    /// <summary>A computer that has not backed up for so long is behind.</summary>
    private static readonly TimeSpan _behind = TimeSpan.FromHours(36);

    /// <summary>A day that is further on from the last is looked at again before it is believed.</summary>
    private const long LeapDays = 2;

    private static readonly TimeSpan _again = TimeSpan.FromHours(1);

    /// <summary>Behind midnight (UTC), when others do their daily work.</summary>
    private static readonly TimeSpan _atNight = TimeSpan.FromMinutes(17);

    public string Name => JobName;

    public async Task<DateTimeOffset?> RunAsync(JobLease lease, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var day = now.ToUnixTimeSeconds() / SecondsPerDay;
        var isLeap = long.TryParse(lease.Job.Progress, NumberStyles.None, CultureInfo.InvariantCulture, out var last) && day - last > LeapDays;
        await lease.SaveAsync(day.ToString(CultureInfo.InvariantCulture), cancellation);
        if (isLeap)
        {
            // A clock that leapt is set right before long: bills and forecasts are made from these days, and nothing takes them back. If it was an outage, an hour does not matter.
            return now + _again;
        }

        var values = new List<(string, string, long)> { ("accounts", "", await directory.CountAsync(cancellation)) };
        AddSize(values, "directory", await directoryDatabase.SizeAsync(cancellation));
        foreach (var (home, size) in await store.SizesAsync(cancellation))
        {
            AddSize(values, home, size);
        }

        var total = await usages.KeepAsync(day, cancellation);
        values.AddRange([("stored_bytes", "", total.Bytes), ("stored_packs", "", await usages.CountPacksAsync(cancellation)), ("stored_objects", "", total.Objects), ("snapshots", "", total.Snapshots), ("computers", "", total.Computers)]);
        var since = (now - _behind).ToUnixTimeSeconds();
        values.Add(("computers_behind", "", (await store.ReadAllAsync(transaction => transaction.FindAsync<long>(
            $"SELECT count(*) FROM devices WHERE revoked = 0 AND deleted = 0 AND retired_at IS NULL AND rights <> 'Waiting' AND coalesce(last_backup_at, created_at) < @since AND {AccountTables.AtHome}", new { since }), cancellation)).Sum()));
        await AddPodAsync(values, cancellation);
        await AddTreesAsync(values, cancellation);
        await samples.KeepAsync(day, values, cancellation);
        return DateTimeOffset.FromUnixTimeSeconds((day + 1) * SecondsPerDay) + _atNight;
    }

    private static void AddSize(List<(string, string, long)> values, string home, DatabaseSize size)
    {
        values.Add(("database_bytes", home, size.Bytes));
        foreach (var table in size.Tables)
        {
            values.Add(("rows", $"{home}/{table.Table}", table.Rows));
            if (table.Bytes is { } bytes)
            {
                values.Add(("bytes", $"{home}/{table.Table}", bytes));
            }
        }
    }

    /// <summary>A tree that is not on this node, or cannot be read, leaves a gap in its own history only.</summary>
    private async Task AddTreesAsync(List<(string, string, long)> values, CancellationToken cancellation)
    {
        foreach (var (name, path) in trees)
        {
            try
            {
                values.Add(("tree_files", name, await Task.Run(() => TreeSize.Count(path, cancellation), cancellation)));
            }
            catch (PermissionException exception)
            {
                LogNoTree(exception, name);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The tree {Name} could not be counted; this day's sample lacks it.")]
    private partial void LogNoTree(Exception exception, string name);

    /// <summary>A pod that does not answer leaves a gap in its own history only.</summary>
    private async Task AddPodAsync(List<(string, string, long)> values, CancellationToken cancellation)
    {
        try
        {
            var usage = await pod.Usage(cancellation);
            values.AddRange([("pod_objects", "", usage.Objects), ("pod_bytes", "", usage.Bytes)]);
            foreach (var (path, total, free, _, _) in usage.Drives)
            {
                if (total is { } bytes && free is { } left)
                {
                    values.AddRange([("drive_bytes", path, bytes), ("drive_bytes_used", path, bytes - left)]);
                }
            }
        }
#pragma warning disable CA1031 // A time-out, a proxy's page: whatever it is, the log says it.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogNoPod(exception);
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The pod could not be asked how full it is; this day's sample lacks it.")]
    private partial void LogNoPod(Exception exception);
}
