using Dapper;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Rebuilding;
using Holdfast.Authority.Schema;
using Holdfast.Authority.Verifying;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority;

/// <summary>The central authority: who may → grants → receipts → commit; and for reading, where things lie. Bulk data never passes through it.</summary>
public sealed class Authority : IAsyncDisposable
{
    private readonly SqliteDatabase _directoryDatabase;
    private readonly SqliteDatabase _accountsDatabase;
    private readonly AccountObjects _objects;
    private readonly AuthorityEndpoints _endpoints;
    private readonly CallerCheck _callers;
    private readonly Rebuild _rebuild;
    private readonly Verifications _verifications;

    /// <summary>Opens the databases in <paramref name="folder"/>, upgrading them if need be.</summary>
    public Authority(string folder, PodPlace place, HttpClient http, byte[] bootstrapHash, TimeProvider time, ILoggerFactory logging)
    {
        _directoryDatabase = SqliteDatabase.Open(Path.Combine(folder, "directory.db"), "Directory");
        _accountsDatabase = SqliteDatabase.Open(Path.Combine(folder, "accounts.db"), "Accounts");
        var directory = new AccountDirectory(_directoryDatabase, time);
        var store = new AccountStore(_accountsDatabase);
        var pod = new PodClient(http, place, time);
        var devices = new DeviceTable(store, time);
        var log = new LogTable(store);
        var sessions = new Sessions(store, pod, log, time);
        var maps = new SnapshotMaps(pod);
        _objects = new AccountObjects(store, directory, pod);
        var commits = new Commits(store, pod, log, sessions, maps, _objects, time);
        var proofs = new ProofTable(store, _accountsDatabase, directory, log, time);
        _verifications = new Verifications(directory, store, pod, proofs, time, logging.CreateLogger<Verifications>());
        _endpoints = new AuthorityEndpoints(
            directory, store, devices, new Attachments(directory, devices, log, pod, time), log, sessions, new Reads(store, pod, logging.CreateLogger<Reads>()), commits, new SnapshotTable(store), _objects, _verifications, proofs, pod, place.RotateGrantKey);
        _callers = new CallerCheck(directory, devices, bootstrapHash);
        _rebuild = new Rebuild(directory, store, pod, time);
    }

    /// <summary>Adds the API, and before it the check of who is calling.</summary>
    public void Map(WebApplication app)
    {
        app.Use(next => context =>
        {
            _callers.Check(context);
            return next(context);
        });
        _endpoints.Map(app);
    }

    /// <summary>Fails if the databases cannot be read.</summary>
    public void CheckReady()
    {
        _directoryDatabase.Read((connection, transaction) => connection.ExecuteScalar<long>("SELECT count(*) FROM operators", transaction: transaction));
        _accountsDatabase.Read((connection, transaction) => connection.ExecuteScalar<long>("SELECT count(*) FROM (SELECT 1 FROM fence LIMIT 1)", transaction: transaction));
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
        _directoryDatabase.Dispose();
        _accountsDatabase.Dispose();
    }
}
