using System.Collections.Concurrent;
using Holdfast.Client;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Holdfast.Restorer.Spooling;
using Microsoft.Extensions.Logging;

namespace Holdfast.Restorer.Preparing;

/// <summary>Asks the authority for work, a few archives at once, and deletes what nobody may fetch any more.</summary>
internal sealed partial class Preparer(ServiceClient service, AuthorityKey authority, AccountOpener opener, Spool spool, int atOnce, TimeProvider time, ILogger logger)
{
    private const int RestsMax = 5;

    private static readonly TimeSpan _asksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _rest = TimeSpan.FromSeconds(15);

    private readonly ConcurrentDictionary<string, CancellationTokenSource> _working = new();
    private readonly ConcurrentDictionary<string, int> _rests = new();

    public async Task RunAsync(CancellationToken cancellation)
    {
        var running = new List<Task>();
        using var timer = new PeriodicTimer(_asksEvery, time);
        try
        {
            do
            {
                running.RemoveAll(task => task.IsCompleted);
                try
                {
                    var claim = await ClaimAsync(running.Count < atOnce, cancellation);
                    if (claim.Work is { } work)
                    {
                        var stop = _working[work.Id] = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                        running.Add(Task.Run(() => WorkAsync(work, stop), CancellationToken.None));
                    }
                }
                catch (HoldfastException exception)
                {
                    LogNoWork(exception);
                }
            }
            while (await timer.WaitForNextTickAsync(cancellation));
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // What is under way ends with it.
        }

        await Task.WhenAll(running);
    }

    private async Task<RestoreClaim> ClaimAsync(bool mayBegin, CancellationToken cancellation)
    {
        var held = spool.Held;
        var claim = await service.SendOnceAsync(HttpMethod.Post, "/v1/restorer/claims", new ClaimRestore(held, [.. _working.Keys], mayBegin), MessageJson.Default.ClaimRestore, MessageJson.Default.RestoreClaim, cancellation);
        authority.Learn(claim.AuthorityKey);
        foreach (var id in claim.Drop.Where(held.Contains))
        {
            if (_working.TryGetValue(id, out var stop))
            {
                // Deleted once whoever works on it has let go.
                await stop.CancelAsync();
            }
            else
            {
                spool.Delete(id);
            }
        }

        return claim;
    }

    private async Task WorkAsync(RestoreWork work, CancellationTokenSource stop)
    {
        try
        {
            await new Preparation(service, opener, spool, time).RunAsync(work, stop.Token);
            _rests.TryRemove(work.Id, out _);
        }
        catch (OperationCanceledException) when (stop.IsCancellationRequested)
        {
            // Cancelled, or the process ends.
        }
#pragma warning disable CA1031 // The edge of a background task: the log says it, and it is tried again after a rest.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogFailed(exception, work.Id, work.AccountName);
            var rests = _rests.AddOrUpdate(work.Id, 1, (_, before) => Math.Min(before + 1, RestsMax));
            await RestAsync(_rest * (1 << (rests - 1)), stop.Token);
        }
        finally
        {
            _working.TryRemove(work.Id, out _);
            stop.Dispose();
        }
    }

    private async Task RestAsync(TimeSpan pause, CancellationToken cancellation)
    {
        try
        {
            await Task.Delay(pause, time, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Cancelled meanwhile.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The authority could not be asked for work.")]
    private partial void LogNoWork(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Archive {Id} of account {Account} could not be made; it is tried again.")]
    private partial void LogFailed(Exception exception, string id, string account);
}
