using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Moving;
using Holdfast.Format.Objects;

namespace Holdfast.Moving;

/// <summary>A directory and two stores, "a" and "b", as a node has them.</summary>
internal sealed class MovingService : IAsyncDisposable
{
    private readonly List<IDatabase> _opened = [];

    private MovingService()
    {
    }

    public IDatabase DirectoryDatabase { get; private set; } = null!;

    public IReadOnlyDictionary<string, IDatabase> Homes { get; private set; } = null!;

    public AccountDirectory Directory { get; private set; } = null!;

    public AccountStore Store { get; private set; } = null!;

    public Movers Movers { get; private set; } = null!;

    public DirectoryLedger Ledger => Movers.Ledger;

    public static async Task<MovingService> OpenAsync(string directory, string a, string b, CancellationToken cancellation, TimeProvider? clock = null)
    {
        var time = clock ?? TimeProvider.System;
        var service = new MovingService();
        try
        {
            service.DirectoryDatabase = await service.OpenAsync(directory, DatabaseKind.Directory, cancellation);
            service.Directory = new AccountDirectory(service.DirectoryDatabase, "a", time);
            service.Homes = new Dictionary<string, IDatabase> { ["a"] = await service.OpenAsync(a, DatabaseKind.Accounts, cancellation), ["b"] = await service.OpenAsync(b, DatabaseKind.Accounts, cancellation) };
            service.Movers = new Movers(service.DirectoryDatabase, service.Homes, $"test:{Environment.ProcessId}", time);
            service.Store = new AccountStore(service.Homes, time, service.Directory.FindAsync, service.Movers.ReleaseAsync);
            return service;
        }
        catch
        {
            await service.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes an account, which lives in "a".</summary>
    public async Task<AccountId> AddAccountAsync(string name, CancellationToken cancellation)
    {
        var place = (await Directory.PlacesForAsync([(name, null)], cancellation)).Single();
        await Store.AdmitAsync(place, cancellation);
        await Directory.AddAsync([(place, Guid.NewGuid().ToByteArray())], cancellation);
        return place.Account;
    }

    public async Task<AccountPlace> PlaceOfAsync(AccountId account, CancellationToken cancellation) => (await Directory.FindAsync(account, cancellation))!;

    public IMoveSide Side(string store) => new AccountSide(Homes[store]);

    /// <summary>What the account's fence row says in a store; null if there is none.</summary>
    public Task<(string? State, long Epoch, long Version, long Number)> FenceAsync(string store, AccountId account, CancellationToken cancellation) => Homes[store].ReadAsync(transaction =>
        transaction.FindAsync<(string? State, long Epoch, long Version, long Number)>("SELECT state, epoch, next_version, next_number FROM fence WHERE account_id = @id", new { id = account.ToArray() }), cancellation);

    /// <summary>How many rows a store has of the account, in all tables.</summary>
    public Task<long> CountRowsAsync(string store, AccountId account, CancellationToken cancellation) => Homes[store].ReadAsync(async transaction =>
    {
        var rows = 0L;
        foreach (var table in AccountTables.Names)
        {
            rows += await transaction.FindAsync<long>($"SELECT count(*) FROM {table} WHERE account_id = @id", new { id = account.ToArray() });
        }

        return rows;
    }, cancellation);

    public async ValueTask DisposeAsync()
    {
        foreach (var database in _opened)
        {
            await database.DisposeAsync();
        }
    }

    private async Task<IDatabase> OpenAsync(string source, DatabaseKind kind, CancellationToken cancellation)
    {
        var database = await DatabaseSource.OpenAsync(source, kind, cancellation);
        _opened.Add(database);
        return database;
    }
}
