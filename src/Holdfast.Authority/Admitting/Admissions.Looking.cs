using Holdfast.Admission;
using Holdfast.Format.Objects;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Admitting;

/// <content>What nodes tell each other, once a second, and what the pod says.</content>
internal sealed partial class Admissions
{
    private async Task LoopAsync(TimeSpan every, Func<CancellationToken, Task> look)
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(every, time, _stop.Token);
                await look(_stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The edge of a background loop: the log says it, and the loop goes on.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                LogNotLooked(exception);
            }
        }
    }

    /// <summary>Tells the other nodes what is new here, and takes over what they told.</summary>
    private async Task LookAsync(CancellationToken cancellation)
    {
        await _looking.WaitAsync(cancellation);
        try
        {
            await LookOnceAsync(cancellation);
        }
        finally
        {
            _looking.Release();
        }
    }

    private async Task LookOnceAsync(CancellationToken cancellation)
    {
        if (_state is null)
        {
            Take(await table.ReadAsync(cancellation), default);
        }

        var (news, since) = News();
        var state = news is null ? await table.ReadAsync(cancellation) : await table.TellAsync(news, cancellation);
        if (news is not null)
        {
            Told(news);
        }

        if (state is { WasAway: true, Mode: GateMode.Open or GateMode.Ramp })
        {
            // Of several nodes that are back at once, one begins it.
            await BeginBringUpAsync("the service was away", state.AtMost, state, cancellation);
            state = await table.ReadAsync(cancellation);
        }

        if (Take(state, since))
        {
            await table.ChangeAsync(GateMode.Open, null, null, state.AtMost, Later(state), [], state.Since, cancellation);
        }
    }

    /// <summary>What is to be told, if anything, and how much the gate knows of by itself until then.</summary>
    private (GateNews? News, (int, int) Since) News()
    {
        lock (_lock)
        {
            if (_entered.Count + _ended.Count + _goingOn.Count + _waiting.Count == 0 && _lastTold != long.MinValue && time.GetElapsedTime(_lastTold) < _tellsEvery)
            {
                return (null, _gate.Since);
            }

            _lastTold = time.GetTimestamp();
            static IReadOnlyList<BackupMoment> Moments(IEnumerable<KeyValuePair<(AccountId Account, uint Computer), long>> of) => [.. of.Select(item => new BackupMoment(item.Key.Account, item.Key.Computer, item.Value))];
            return (new GateNews(_state!.Since, _admitted, _gate.Skipped, _gate.LastBusy > DateTimeOffset.UnixEpoch ? _gate.LastBusy.ToUnixTimeSeconds() : 0)
            {
                Entered = Moments(_entered), Ended = Moments(_ended), GoingOn = [.. _goingOn.Select(who => new BackupMoment(who.Account, who.Computer, 0))], Waiting = Moments(_waiting),
            }, _gate.Since);
        }
    }

    /// <summary>What was told need not be told again, but what has changed since.</summary>
    private void Told(GateNews news)
    {
        lock (_lock)
        {
            foreach (var (told, of) in new[] { (news.Entered, _entered), (news.Ended, _ended), (news.Waiting, _waiting) })
            {
                foreach (var backup in told)
                {
                    if (of.TryGetValue((backup.Account, backup.Computer), out var at) && at == backup.At)
                    {
                        of.Remove((backup.Account, backup.Computer));
                    }
                }
            }

            _goingOn.ExceptWith(news.GoingOn.Select(backup => (backup.Account, backup.Computer)));
        }
    }

    private async Task LookAtPodAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_podPatience);
        try
        {
            var pressure = await pod.PressureAsync(limit.Token);
            lock (_lock)
            {
                // What waits here for a turn at the database, or at the processor, has not come to the pod yet.
                _limit.Look(pressure.Limit, Math.Max(pressure.InFlight, Volatile.Read(ref _requests)), _state?.UnderWay ?? 0);
            }
        }
#pragma warning disable CA1031 // A pod that does not answer, or nonsense, bears no more than the least, whatever the reason.
        catch (Exception exception) when (!cancellation.IsCancellationRequested)
#pragma warning restore CA1031
        {
            LogPodSilent(exception.Message);
            lock (_lock)
            {
                _limit.Look(0, 1, 0);
            }
        }
    }

    /// <summary>Takes over what nodes know together; true if the bring-up is over.</summary>
    /// <param name="state">What they know.</param>
    /// <param name="known">What of this node's own is in it.</param>
    private bool Take(GateState state, (int, int) known)
    {
        lock (_lock)
        {
            if (_state?.Since != state.Since)
            {
                _admitted = 0;
                _bringUp = state.Cohorts.Count == BringUp.CohortsMax ? new BringUp(DateTimeOffset.FromUnixTimeSeconds(state.Since), state.Cohorts) : null;
                _rate = null;
                _told.Clear();
            }
            else if (_state.Mode != state.Mode)
            {
                _told.Clear();
            }

            var admitted = state.Admitted;
            var most = Math.Min(Math.Max(1, _limit.Limit), state.AtMost ?? int.MaxValue);
            _rate ??= new GateRate(most / BackupSeconds);
            _rate.Add(_lastLooked == long.MinValue ? 0 : time.GetElapsedTime(_lastLooked).TotalSeconds, admitted);
            (_state, _lastLooked) = (state, time.GetTimestamp());
            var left = Math.Max(0, (_bringUp?.Population ?? 0) - admitted - state.SkippedElsewhere - _gate.Skipped);
            _gate.Look(new GateView
            {
                Mode = state.Mode,
                Since = DateTimeOffset.FromUnixTimeSeconds(state.Since),
                OpensAt = state.OpensAt is { } opens ? DateTimeOffset.FromUnixTimeSeconds(opens) : null,
                BringUp = _bringUp,
                Expected = _bringUp is null ? TimeSpan.Zero : time.GetUtcNow() - _bringUp.Began + TimeSpan.FromSeconds(Math.Min(left / Math.Max(_rate.PerSecond, 0.0001), TimeSpan.FromDays(365).TotalSeconds)),
                Admitted = admitted,
                SkippedElsewhere = state.SkippedElsewhere,
                IsContendedElsewhere = state.IsContendedElsewhere,
                AdmittedPerSecond = _rate.PerSecond,
                InFlight = state.UnderWay,
                InFlightMax = most,
                Nodes = state.Nodes,
            }, known);
            return state.Mode == GateMode.Ramp && _gate.IsOver;
        }
    }

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The gate could not be looked at; what was known before counts on")]
    private partial void LogNotLooked(Exception exception);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The pod does not say how it bears its work: {Reason}")]
    private partial void LogPodSilent(string reason);
}
