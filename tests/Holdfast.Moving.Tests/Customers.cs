using Holdfast.Format.Objects;

namespace Holdfast.Moving.Tests;

/// <summary>Clients of one account that write and read all the while; none may be refused, ever.</summary>
internal sealed class Customers : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _all;

    public Customers(MovingService service, AccountId account, int writers, int readers, string name = "client")
    {
        Checker = new Checker(account);
        _all = Task.WhenAll([
            .. Enumerable.Range(0, writers).Select(seed => Task.Run(() => WriteAsync(new Client(service, account, $"{name}{seed}", seed)))),
            .. Enumerable.Range(0, readers).Select(seed => Task.Run(() => ReadAsync(new Client(service, account, $"reader{seed}", seed), new Random(seed)))),
        ]);
    }

    public Checker Checker { get; }

    /// <summary>Waits until so many writes are acknowledged; fails if a client was refused.</summary>
    public async Task WaitForAsync(int acknowledged)
    {
        using var pause = new PeriodicTimer(TimeSpan.FromMilliseconds(10));
        while (Checker.Acknowledged < acknowledged)
        {
            if (_all.IsCompleted)
            {
                await _all;
            }

            await pause.WaitForNextTickAsync(TestContext.Current.CancellationToken);
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _all;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _all.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task WriteAsync(Client client)
    {
        while (!_stop.IsCancellationRequested)
        {
            var (version, rows) = await client.WriteAsync(Checker.Begun, CancellationToken.None);
            Checker.Done(version, rows);
        }
    }

    private async Task ReadAsync(Client client, Random random)
    {
        while (!_stop.IsCancellationRequested)
        {
            await Checker.ReadAsync(client, random, CancellationToken.None);
            await Task.Yield();
        }
    }
}
