using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text;
using Holdfast.Admission;
using Holdfast.Format.Objects;
using Holdfast.Moving;
using Holdfast.Protocol.Failures;

namespace Holdfast.Bench.Move;

/// <summary>Clients of all accounts, which write and restore all the while; the large account gets a fifth of it.</summary>
internal sealed class Traffic(MovingService service, IReadOnlyList<AccountId> accounts)
{
    private readonly ConcurrentDictionary<(AccountId, long), (long Version, string Value)> _last = new();
    private readonly ConcurrentBag<double> _writes = [];
    private volatile bool _isStopped;
    private long _served;
    private long _refused;
    private long _acknowledged;
    private long _waits;

    public long Served => _served;

    public long Refused => _refused;

    public long Acknowledged => _acknowledged;

    /// <summary>Writes that took longer than a tenth of a second.</summary>
    public long Waits => _waits;

    public double WriteMs(double share) => _writes.Order().ElementAt((int)Math.Min(_writes.Count - 1, share * _writes.Count));

    public Task StopAsync()
    {
        _isStopped = true;
        return Task.CompletedTask;
    }

    public async Task RunAsync(int client)
    {
        var random = new Random(client);
        for (var turn = 0; !_isStopped; turn++)
        {
            var account = accounts[random.Next(5) == 0 ? 0 : random.Next(accounts.Count)];
            if (turn % 2 == 0)
            {
                Work.Current = new Work(WorkClass.Backup, account.ToString());
                var began = Stopwatch.GetTimestamp();
                var (version, rows) = await new Client(service, account, $"client{client}.{turn}", turn).WriteAsync(_ => { }, CancellationToken.None);
                var took = Stopwatch.GetElapsedTime(began).TotalMilliseconds;
                _writes.Add(took);
                Interlocked.Increment(ref _acknowledged);
                if (took > 100)
                {
                    Interlocked.Increment(ref _waits);
                }

                foreach (var row in rows)
                {
                    _last.AddOrUpdate((account, row.Number), (version, row.Value), (_, known) => known.Version > version ? known : (version, row.Value));
                }
            }
            else
            {
                Work.Current = new Work(WorkClass.Restore, account.ToString());
                try
                {
                    await service.Store.ReadAsync(await service.PlaceOfAsync(account, CancellationToken.None), transaction => transaction.QueryAsync<(long, long)>("SELECT number, length FROM objects WHERE account_id = @account AND number <= 16"), CancellationToken.None);
                    Interlocked.Increment(ref _served);
                }
                catch (HoldfastException)
                {
                    Interlocked.Increment(ref _refused);
                }
            }
        }
    }

    /// <summary>Rows that were acknowledged and are not there, or older.</summary>
    public async Task<long> CountLostAsync()
    {
        var lost = 0L;
        foreach (var account in _last.GroupBy(row => row.Key.Item1))
        {
            var place = await service.PlaceOfAsync(account.Key, CancellationToken.None);
            var there = (await service.Store.ReadAsync(place, transaction => transaction.QueryAsync<(long Number, long Version, byte[] Value)>("SELECT number, version, checksum FROM objects WHERE account_id = @account"), CancellationToken.None))
                .ToDictionary(row => row.Number, row => (row.Version, Encoding.UTF8.GetString(row.Value)));
            lost += account.Count(row => there.GetValueOrDefault(row.Key.Item2) != row.Value) + (place.Home == "b" ? 0 : 1);
        }

        return lost;
    }
}
