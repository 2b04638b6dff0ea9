using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Jobs;
using Holdfast.Permissions;
using Holdfast.Permissions.Applying;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Trees;

/// <summary>Changes of permissions that operators ask for: one of a tree at a time, as a job of a node that has the tree.</summary>
internal sealed class PermissionChanges(IDatabase directory, JobTable jobs, IReadOnlyDictionary<string, string> trees, TimeProvider time)
{
    /// <summary>The kind of the job that a tree's change is: nodes take only those of trees that they have.</summary>
    public static string JobNameOf(string tree) => $"permissions:{tree}";

    /// <summary>Starts a change, unless one of the tree is under way.</summary>
    public async Task<PermissionChangeStatus> StartAsync(StartPermissionChange asked, CancellationToken cancellation)
    {
        var (settings, threads) = await CheckAsync(asked, cancellation);
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        await directory.WriteAsync(async transaction =>
        {
            if (await transaction.FindAsync<long>("SELECT count(*) FROM jobs WHERE kind = @kind AND subject = '' AND state IN ('waiting', 'running')", new { kind = JobNameOf(asked.Tree) }) > 0)
            {
                throw new HoldfastException(FailureTable.Conflict, $"A change of the tree {asked.Tree} is under way: wait until it has ended.");
            }

            await transaction.ExecuteAsync(
                """
                INSERT INTO permission_changes (tree, number, settings, is_dry, threads, asked_at) VALUES (@tree, 1, @settings, @isDry, @threads, @now)
                ON CONFLICT (tree) DO UPDATE SET number = permission_changes.number + 1, settings = excluded.settings, is_dry = excluded.is_dry, threads = excluded.threads, asked_at = excluded.asked_at, node = NULL
                """, new { asked.Tree, settings = JsonSerializer.Serialize(settings, TreesJson.Default.PermissionSettings), isDry = asked.IsDry ? 1L : 0L, threads = (long)threads, now });
            await JobTable.EnqueueAsync(transaction, JobNameOf(asked.Tree), "", time);
            return 0;
        }, cancellation);
        return await StatusAsync((await FindAsync(asked.Tree, cancellation))!, cancellation);
    }

    /// <summary>Says what is wrong with a change before it is begun.</summary>
    public async Task<(PermissionSettings Settings, int Threads)> CheckAsync(StartPermissionChange asked, CancellationToken cancellation)
    {
        await CheckTreeAsync(asked.Tree, cancellation);
        var settings = new PermissionSettings
        {
            Tree = "/", Mode = asked.Mode, Owner = asked.Owner, Group = asked.Group, AccessList = asked.AccessList, Rules = asked.Rules, OwnerMap = asked.OwnerMap, Mask = Posix.ProcessMask.Read(),
        };
        return Translated(() =>
        {
            settings.Check();
            return (settings, LimitOf(asked.Threads ?? ThreadLimit.Most));
        });
    }

    /// <summary>Says how many threads a change may have from now on; the node notices within a second.</summary>
    public async Task<PermissionChangeStatus> ChangeThreadsAsync(string tree, ChangeThreads asked, CancellationToken cancellation)
    {
        var threads = (long)LimitOf(asked.Threads);
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE permission_changes SET threads = @threads WHERE tree = @tree", new { threads, tree }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no change of a tree {tree}.");
        }

        return await StatusAsync((await FindAsync(tree, cancellation))!, cancellation);
    }

    /// <summary>Gives a change up: the node that works on it stops within seconds. What was changed stays.</summary>
    public async Task<PermissionChangeStatus> StopAsync(string tree, CancellationToken cancellation)
    {
        var change = await FindAsync(tree, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no change of a tree {tree}.");
        await jobs.GiveUpAsync(JobNameOf(tree), cancellation);
        return await StatusAsync(change, cancellation);
    }

    /// <summary>Says that this machine works on a change, unless another one has begun it, which alone has the tree as it is by now, and the journal.</summary>
    public async Task<bool> TakeAsync(AskedChange change, CancellationToken cancellation) => await directory.WriteAsync(transaction => transaction.ExecuteAsync(
        "UPDATE permission_changes SET node = @machine WHERE tree = @tree AND number = @number AND (node IS NULL OR node = @machine)", new { machine = Environment.MachineName, change.Tree, change.Number }), cancellation) == 1;

    /// <summary>The latest change of each tree.</summary>
    public async Task<PermissionChangeList> ListAsync(CancellationToken cancellation)
    {
        var all = new List<PermissionChangeStatus>();
        foreach (var change in await directory.AskAsync(transaction => transaction.QueryAsync<AskedChange>($"SELECT {AskedChange.Columns} FROM permission_changes ORDER BY tree"), cancellation))
        {
            all.Add(await StatusAsync(change, cancellation));
        }

        return new PermissionChangeList(all);
    }

    /// <summary>The latest change of a tree; null if there was none.</summary>
    public async Task<PermissionChangeStatus?> FindStatusAsync(string tree, CancellationToken cancellation) => await FindAsync(tree, cancellation) is { } change ? await StatusAsync(change, cancellation) : null;

    /// <summary>What was asked for last; null if nothing was.</summary>
    public Task<AskedChange?> FindAsync(string tree, CancellationToken cancellation) => directory.AskAsync(transaction => transaction.FindAsync<AskedChange>(
        $"SELECT {AskedChange.Columns} FROM permission_changes WHERE tree = @tree", new { tree }), cancellation);

    /// <summary>Runs something of the library's whose failures are the service's.</summary>
    public static T Translated<T>(Func<T> run)
    {
        try
        {
            return run();
        }
        catch (PermissionException exception)
        {
            throw new HoldfastException(exception.Problem == PermissionProblem.Full ? FailureTable.LocalDiskFull : FailureTable.InvalidRequest, exception.Message, exception);
        }
    }

    private async Task<PermissionChangeStatus> StatusAsync(AskedChange change, CancellationToken cancellation)
    {
        var job = await jobs.FindLatestAsync(JobNameOf(change.Tree), cancellation);
        var live = job?.Progress is { } progress ? JsonSerializer.Deserialize(progress, TreesJson.Default.PermissionChangeStatus) : null;
        live ??= new PermissionChangeStatus(change.Tree, "", change.IsDry != 0, change.AskedAt, null, null, 0, 0, 0, 1, 0, null, 0, (int)change.Threads, false, [], null, null);
        var failure = job?.Failure ?? live.Failure;
        var state = job is null or { EndedAt: not null } ? failure is null ? "ended" : "failed" : job.State == "running" ? "running" : failure is null ? "waiting" : "failed";
        return live with { State = state, EndedAt = job?.EndedAt, Node = job?.Node, ThreadsMax = (int)change.Threads, Failure = failure };
    }

    private async Task CheckTreeAsync(string tree, CancellationToken cancellation)
    {
        // Another node's tree is known by its growth, once it was counted.
        if (!trees.ContainsKey(tree) && await directory.AskAsync(transaction => transaction.FindAsync<long>("SELECT count(*) FROM samples WHERE metric = 'tree_files' AND subject = @tree", new { tree }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"No tree is registered as '{tree}': name it under \"trees\" in the configuration of the node that has it (`holdfastd config explain`), and start that node again.");
        }
    }

    private static int LimitOf(int threads) => Translated(() => new ThreadLimit(threads).Value);
}

/// <summary>A change as it was asked for.</summary>
internal sealed record AskedChange
{
    public const string Columns = "tree, number, settings, is_dry AS IsDry, threads, asked_at AS AskedAt";

    public string Tree { get; init; } = "";

    /// <summary>Rises with each change of the tree.</summary>
    public long Number { get; init; }

    public string Settings { get; init; } = "";

    public long IsDry { get; init; }

    public long Threads { get; init; }

    public long AskedAt { get; init; }
}

[JsonSerializable(typeof(PermissionSettings))]
[JsonSerializable(typeof(PermissionChangeStatus))]
internal sealed partial class TreesJson : JsonSerializerContext;
