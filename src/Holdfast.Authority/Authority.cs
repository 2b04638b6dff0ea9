using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Rebuilding;
using Holdfast.Authority.Verifying;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority;

/// <summary>The central authority: who may → grants → receipts → commit; and for reading, where things lie. Bulk data never passes through it.</summary>
public sealed class Authority : IAsyncDisposable
{
    private readonly List<IDatabase> _databases;
    private readonly AccountDirectory _directory;
    private readonly AccountStore _store;
    private readonly AccountObjects _objects;
    private readonly AuthorityEndpoints _endpoints;
    private readonly CallerCheck _callers;
    private readonly Rebuild _rebuild;
    private readonly Verifications _verifications;

    private Authority(List<IDatabase> databases, AccountDirectory directory, AccountStore store, PodPlace place, HttpClient http, byte[] bootstrapHash, TimeProvider time, ILoggerFactory logging)
    {
        (_databases, _directory, _store) = (databases, directory, store);
        var pod = new PodClient(http, place, time);
        var devices = new DeviceTable(store, time);
        var log = new LogTable(store);
        var sessions = new Sessions(store, pod, log, time);
        _objects = new AccountObjects(store, directory, pod);
        var commits = new Commits(store, pod, log, sessions, new SnapshotMaps(pod), _objects, time);
        var proofs = new ProofTable(store, directory, log, time);
        _verifications = new Verifications(directory, store, pod, proofs, time, logging.CreateLogger<Verifications>());
        _endpoints = new AuthorityEndpoints(
            directory, store, devices, new Attachments(directory, devices, log, pod, time), log, sessions, new Reads(store, pod, logging.CreateLogger<Reads>()), commits, new SnapshotTable(store), _objects, _verifications, proofs, pod, place.RotateGrantKey);
        _callers = new CallerCheck(directory, devices, bootstrapHash);
        _rebuild = new Rebuild(directory, store, pod, time);
    }

    /// <summary>Opens the databases, upgrading them if need be.</summary>
    public static async Task<Authority> OpenAsync(DatabaseSources sources, PodPlace place, HttpClient http, byte[] bootstrapHash, TimeProvider time, ILoggerFactory logging, CancellationToken cancellation)
    {
        var opened = new List<IDatabase>();
        try
        {
            async Task<IDatabase> OpenDatabaseAsync(string source, DatabaseKind kind)
            {
                var database = await DatabaseSource.OpenAsync(source, kind, cancellation);
                opened.Add(database);
                return database;
            }

            var directory = new AccountDirectory(await OpenDatabaseAsync(sources.Directory, DatabaseKind.Directory), sources.NewAccounts, time);
            var homes = new Dictionary<string, IDatabase>();
            foreach (var (name, source) in sources.Stores)
            {
                homes[name] = await OpenDatabaseAsync(source, DatabaseKind.Accounts);
            }

            return new Authority(opened, directory, new AccountStore(homes), place, http, bootstrapHash, time, logging);
        }
        catch
        {
            foreach (var database in opened)
            {
                await database.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Adds the API, and before it the check of who is calling.</summary>
    public void Map(WebApplication app)
    {
        app.Use(next => async context =>
        {
            await _callers.CheckAsync(context);
            await next(context);
        });
        _endpoints.Map(app);
    }

    /// <summary>How many accounts there are.</summary>
    public Task<long> CountAccountsAsync(CancellationToken cancellation) => _directory.CountAsync(cancellation);

    /// <summary>Fails if the databases cannot be read.</summary>
    public async Task CheckReadyAsync(CancellationToken cancellation)
    {
        await CountAccountsAsync(cancellation);
        await _store.CheckReadyAsync(cancellation);
    }

    /// <summary>Puts on the pod what a crash kept from it; call once the pod answers.</summary>
    public Task RecoverAsync(Action<string> report, CancellationToken cancellation) => _objects.PlaceAllAsync(report, cancellation);

    /// <summary>Fills empty databases from what lies on the pod, one account after the other. Nothing on the pod is lost or deleted by it.</summary>
    /// <param name="progress">Hears how many objects were taken in.</param>
    /// <param name="cancellation">Ends it; what is half done must be begun anew.</param>
    public IAsyncEnumerable<RebuiltAccount> RebuildAsync(Action<long> progress, CancellationToken cancellation) => _rebuild.RunAsync(progress, cancellation);

    public async ValueTask DisposeAsync()
    {
        await _verifications.DisposeAsync();
        foreach (var database in _databases)
        {
            await database.DisposeAsync();
        }
    }
}
