using System.Collections.Concurrent;
using Holdfast.Client;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Holdfast.Restorer.Drilling;
using Holdfast.Restorer.Spooling;
using Microsoft.Extensions.Logging;

namespace Holdfast.Restorer.Preparing;

/// <summary>Asks the authority for work, a few archives at once, and deletes what nobody may fetch any more.</summary>
internal sealed partial class Preparer(ServiceClient service, AuthorityKey authority, AccountOpener opener, Spool spool, int atOnce, TimeProvider time, ILogger logger)
{
    /// <summary>Archives that are named in one question.</summary>
    private const int HeldAtOnce = 200;

    private static readonly TimeSpan _asksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _rest = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _restMax = TimeSpan.FromMinutes(4);

    private readonly ConcurrentDictionary<string, CancellationTokenSource> _working = new();

    /// <summary>What failed, how often, and until when it rests.</summary>
    private readonly ConcurrentDictionary<string, (int Failures, long Since, TimeSpan Pause)> _resting = new();

    private int _heldFrom;

    /// <summary>One at a time: a drill must not take from those who wait for their files.</summary>
    private Task _drilling = Task.CompletedTask;

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
                    var claim = await ClaimAsync(running.Count(task => task != _drilling) < atOnce, cancellation);
                    if (claim.Work is { } work)
                    {
                        var stop = _working[work.Id] = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
                        running.Add(Task.Run(() => WorkAsync(work, stop), CancellationToken.None));
                    }
                    else if (claim.Drill is { } drill)
                    {
                        running.Add(_drilling = Task.Run(() => DrillAsync(drill, cancellation), CancellationToken.None));
                    }
                }
#pragma warning disable CA1031 // The edge of a background loop: the log says it, and the loop goes on.
                catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
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
        // A part of what is held at each question, all of it in turn.
        var all = spool.Held;
        _heldFrom = _heldFrom < all.Count ? _heldFrom : 0;
        var held = all.Skip(_heldFrom).Take(HeldAtOnce).ToList();
        _heldFrom += held.Count;
        var resting = _resting.Where(rest => time.GetElapsedTime(rest.Value.Since) < rest.Value.Pause).Select(rest => rest.Key);
        var claim = await service.SendOnceAsync(HttpMethod.Post, "/v1/restorer/claims", new ClaimRestore(held, [.. _working.Keys, .. resting], mayBegin, opener.Fingerprints, MayDrill: mayBegin && _drilling.IsCompleted), MessageJson.Default.ClaimRestore, MessageJson.Default.RestoreClaim, cancellation);
        authority.Learn(claim.AuthorityKey);
        foreach (var id in claim.Drop.Where(held.Contains))
        {
            if (_working.TryGetValue(id, out var stop))
            {
                // Deleted once whoever works on it has let go.
                await CancelAsync(stop);
            }
            else
            {
                spool.Delete(id);
                _resting.TryRemove(id, out _);
            }
        }

        return claim;
    }

    private async Task WorkAsync(RestoreWork work, CancellationTokenSource stop)
    {
        try
        {
            await new Preparation(service, opener, spool, time).RunAsync(work, _resting.TryGetValue(work.Id, out var rested) ? rested.Failures : 0, stop.Token);
            _resting.TryRemove(work.Id, out _);
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
            _resting.AddOrUpdate(work.Id, _ => (1, time.GetTimestamp(), _rest), (_, before) => (before.Failures + 1, time.GetTimestamp(), TimeSpan.FromTicks(Math.Min(before.Pause.Ticks * 2, _restMax.Ticks))));
        }
        finally
        {
            _working.TryRemove(work.Id, out _);
            stop.Dispose();
        }
    }

    private async Task DrillAsync(DrillWork work, CancellationToken cancellation)
    {
        try
        {
            await new Driller(service, opener, time).RunAsync(work, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The process ends; the drill is given out again.
        }
#pragma warning disable CA1031 // The edge of a background task: the log says it, and the drill is given out again when its lease is over.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogNoDrill(exception, work.AccountName);
        }
    }

    private static async Task CancelAsync(CancellationTokenSource stop)
    {
        try
        {
            await stop.CancelAsync();
        }
        catch (ObjectDisposedException)
        {
            // It has just ended.
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The authority could not be asked for work.")]
    private partial void LogNoWork(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A restore drill of account {Account} did not end; it is tried again.")]
    private partial void LogNoDrill(Exception exception, string account);

    [LoggerMessage(Level = LogLevel.Error, Message = "Archive {Id} of account {Account} could not be made; it is tried again.")]
    private partial void LogFailed(Exception exception, string id, string account);
}
