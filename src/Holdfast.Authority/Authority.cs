using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Schema;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority;

/// <summary>The central authority: who may → grants → receipts → commit; and for reading, where things lie. Bulk data never passes through it.</summary>
public sealed class Authority : IDisposable
{
    private readonly SqliteDatabase _directoryDatabase;
    private readonly SqliteDatabase _accountsDatabase;
    private readonly AccountObjects _objects;
    private readonly AuthorityEndpoints _endpoints;

    /// <summary>Opens the databases in <paramref name="folder"/>, upgrading them if need be.</summary>
    public Authority(string folder, PodPlace place, HttpClient http, byte[] bootstrapHash, TimeProvider time)
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
        _endpoints = new AuthorityEndpoints(
            directory, store, devices, log, sessions, new Reads(store, pod), commits, new SnapshotTable(store), _objects, pod, bootstrapHash);
    }

    public void Map(IEndpointRouteBuilder routes) => _endpoints.Map(routes);

    /// <summary>Puts on the pod what a crash kept from it; call once the pod answers.</summary>
    public Task RecoverAsync(Action<string> report, CancellationToken cancellation) => _objects.PlaceAllAsync(report, cancellation);

    public void Dispose()
    {
        _directoryDatabase.Dispose();
        _accountsDatabase.Dispose();
    }
}
