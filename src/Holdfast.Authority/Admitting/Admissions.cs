using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Admitting;

/// <summary>Lets computers begin backups in their turns, on this node as on every other. Until it has looked at the gate once, nobody is let in; restores and people never come here.</summary>
internal sealed partial class Admissions(GateTable table, AccountStore store, PodClient pod, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);

    /// <summary>How often a node that has nothing to tell says that it is there.</summary>
    private static readonly TimeSpan _tellsEvery = TimeSpan.FromSeconds(10);

    /// <summary>What a backup takes, before it is known better: rates at the beginning follow from it.</summary>
    private const double BackupSeconds = 20;

    /// <summary>How long a pod may take to say how it bears its work.</summary>
    private static readonly TimeSpan _podPatience = TimeSpan.FromSeconds(3);

    /// <summary>No computer's backlog is taken for longer than this.</summary>
    private static readonly TimeSpan _aloneMax = TimeSpan.FromDays(7);

    private readonly Lock _lock = new();
    private readonly Gate _gate = new(time);
    private readonly BackupsLimit _limit = new();
    private readonly ToldTurns _told = new();
    private readonly SemaphoreSlim _looking = new(1);

    // What is not told yet: when each was let in, ended, and was heard of.
    private readonly Dictionary<(AccountId Account, uint Computer), long> _entered = [];
    private readonly Dictionary<(AccountId Account, uint Computer), long> _ended = [];
    private readonly HashSet<(AccountId Account, uint Computer)> _goingOn = [];
    private readonly CancellationTokenSource _stop = new();
    private GateMeter? _meter;
    private TurnSeal? _seal;
    private GateState? _state;
    private GateRate? _rate;
    private BringUp? _bringUp;
    private long _admitted;
    private long _lastTold = long.MinValue;
    private long _lastLooked = long.MinValue;
    private Task _loop = Task.CompletedTask;

    /// <summary>Looks at the gate, and closes it into turns if the service was away; then goes on looking.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        _seal = new TurnSeal(await table.OpenAsync(cancellation));
        lock (_lock)
        {
            _limit.Look(0, 0, 0);
        }

        await LookAsync(cancellation);
        _meter = new GateMeter(() => _state is null ? null : _gate.View);
        _loop = Task.WhenAll(Task.Run(() => LoopAsync(_looksEvery, LookAsync), CancellationToken.None), Task.Run(() => LoopAsync(QueueWaitLimit.Window, LookAtPodAsync), CancellationToken.None));
    }

    /// <summary>Lets a computer begin a backup, or throws the failure not_admitted with its turn. A backup that is under way goes on.</summary>
    /// <param name="device">The computer.</param>
    /// <param name="context">The request: the turn that it shows, and its token.</param>
    /// <returns>True if it was let in now, false if it was already.</returns>
    public async Task<bool> EnterAsync(Device device, HttpContext context)
    {
        var who = (device.Place.Account, device.Computer);
        GateAnswer answer;
        lock (_lock)
        {
            if (_seal is null || _state is null)
            {
                throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting.");
            }

            if (_entered.ContainsKey(who) && !_ended.ContainsKey(who))
            {
                return false;
            }

            // Older clients show nothing: what this node told them counts as shown.
            var shown = _seal.TryOpen(who.Account, who.Computer, context.Request.Headers[BackupTurn.Header].ToString()) ?? _told.Find(who.Account, who.Computer, BearerOf(context))?.At;
            answer = _gate.Ask(AskerOf(device, _seal), shown);
            if (answer.IsAdmitted)
            {
                _admitted++;
                _entered[who] = Now;
                _ended.Remove(who);
                return true;
            }
        }

        if (await table.IsUnderWayAsync(who.Account, who.Computer, context.RequestAborted))
        {
            See(device);
            return false;
        }

        var told = Answer(who, answer);
        _told.Add(who.Account, who.Computer, BearerOf(context), told);
        AuthorityMeter.Refused(NameOf(answer.Reason));
        throw new HoldfastException(FailureTable.NotAdmitted, Sentence(answer.Reason, _state)) { Turn = Turn(answer, told.Token) };
    }

    /// <summary>Answers who comes before the moment it was told, before anything else is looked at; false if the request goes on.</summary>
    public async ValueTask<bool> TryRefuseAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata.GetMetadata<ApiEndpoint>() is not { Action: ApiAction.BeginBackup } || _seal is not { } seal
            || CallerCheck.ClaimOf(context) is not var (account, computer) || FindTold(context, seal, account, computer) is not { } told)
        {
            return false;
        }

        AuthorityMeter.Refused("early");
        var response = context.Response;
        response.StatusCode = FailureTable.NotAdmitted.HttpStatus;
        response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling((told.At - time.GetUtcNow()).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        response.Headers[BackupTurn.Header] = told.Token;
        response.ContentType = "application/problem+json";
        response.ContentLength = told.Body.Length;
        await response.Body.WriteAsync(told.Body, context.RequestAborted);
        return true;
    }

    /// <summary>A backup goes on.</summary>
    public void See(Device device)
    {
        lock (_lock)
        {
            _goingOn.Add((device.Place.Account, device.Computer));
        }
    }

    /// <summary>A backup has ended; its place is free.</summary>
    public void End(Device device)
    {
        var who = (device.Place.Account, device.Computer);
        lock (_lock)
        {
            _goingOn.Remove(who);
            if (_ended.TryAdd(who, Now))
            {
                _gate.End();
            }
        }
    }

    /// <summary>A backup that was let in could not begin: it had no turn.</summary>
    public void TakeBack(Device device)
    {
        lock (_lock)
        {
            _admitted--;
        }

        End(device);
    }

    /// <summary>Has the gate do something else, from now on, at every node.</summary>
    public async Task<GateStatus> ChangeAsync(ChangeGate change, CancellationToken cancellation)
    {
        var mode = GateTable.TryParse(change.Mode) ?? throw new HoldfastException(FailureTable.InvalidRequest, $"A gate is open, closed, ramp or held, not '{change.Mode}'.");
        if (change.AtMost is < 1 or > 1_000_000 || change.OpensAt < 0 || change.OpensAt > DateTimeOffset.MaxValue.ToUnixTimeSeconds() || change.Reason is { Length: > 200 })
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "At least one backup at once and at most a million, a time that exists, and a reason of at most 200 characters.");
        }

        var state = await table.ReadAsync(cancellation);
        switch (mode)
        {
            case GateMode.Ramp when state.Mode == GateMode.Held || state.Mode == GateMode.Ramp:
                if (!await table.TurnAsync(state.Mode, GateMode.Ramp, change.AtMost ?? state.AtMost, cancellation))
                {
                    throw Changed();
                }

                break;
            case GateMode.Ramp:
                if (!await BeginBringUpAsync(change.Reason, change.AtMost, state, cancellation))
                {
                    throw Changed();
                }

                break;
            case GateMode.Held:
                if (!await table.TurnAsync(GateMode.Ramp, GateMode.Held, change.AtMost ?? state.AtMost, cancellation) && state.Mode != GateMode.Held)
                {
                    throw new HoldfastException(FailureTable.Conflict, "Only a ramp can be held: close the gate, or let it ramp first.");
                }

                break;
            default:
                if (!await table.ChangeAsync(mode, change.Reason, change.OpensAt, change.AtMost, Later(state), [], state.Since, cancellation))
                {
                    throw Changed();
                }

                break;
        }

        await LookAsync(cancellation);
        return await StatusAsync(cancellation);
    }

    public Task<GateStatus> StatusAsync(CancellationToken cancellation)
    {
        lock (_lock)
        {
            var state = _state ?? throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting.");
            var (now, view) = (time.GetUtcNow().ToUnixTimeSeconds(), _gate.View);
            var left = Math.Max(0, state.Cohorts.Sum() - view.Admitted - view.SkippedElsewhere - _gate.Skipped);
            var rate = view.AdmittedPerSecond;

            // Backups under way by those that begin in a second: how long one takes (Little).
            long? turnsBy = state.Mode == GateMode.Ramp && rate > 0.0001 ? now + (long)(left / rate) : null;
            return Task.FromResult(new GateStatus(
                GateTable.NameOf(state.Mode), state.Reason, state.Since, state.OpensAt, state.AtMost, state.UnderWay, view.InFlightMax, state.Cohorts.Sum(), view.Admitted, Math.Round(rate * 3600, 1),
                turnsBy, turnsBy + (long)(state.UnderWay / Math.Max(rate, 0.0001)), state.Nodes));
        }
    }

    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _loop;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (_seal is not null)
        {
            await TellLastAsync();
        }

        _meter?.Dispose();
        _looking.Dispose();
        _stop.Dispose();
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>What ended while the node drained is told too: places are free at once.</summary>
    private async Task TellLastAsync()
    {
        using var limit = new CancellationTokenSource(_podPatience, time);
        try
        {
            await LookAsync(limit.Token);
        }
        catch (Exception exception) when (exception is HoldfastException or OperationCanceledException)
        {
            LogNotLooked(exception);
        }
    }

    private static HoldfastException Changed() => new(FailureTable.Conflict, "Somebody else changed the gate meanwhile: `holdfast admin gate show` says how it is.");

    /// <summary>A time for a change: now, or later than the last one.</summary>
    private long Later(GateState state) => Math.Max(time.GetUtcNow().ToUnixTimeSeconds(), state.Since + 1);

    /// <summary>Begins to let everybody in by turns; false if the gate was changed meanwhile.</summary>
    private async Task<bool> BeginBringUpAsync(string? reason, int? atMost, GateState state, CancellationToken cancellation)
    {
        var (order, began) = (new long[BringUp.CohortsMax], Later(state));
        foreach (var (stretches, count) in await store.CountLastBackupsAsync(began, (long)BringUp.CohortLength.TotalSeconds, cancellation))
        {
            order[stretches is { } ago ? BringUp.CohortsMax - 1 - (int)Math.Clamp(ago, 0, BringUp.CohortsMax - 1) : 0] += count;
        }

        return await table.ChangeAsync(GateMode.Ramp, reason, null, atMost, began, order, state.Since, cancellation);
    }

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
            if (_entered.Count + _ended.Count + _goingOn.Count == 0 && _lastTold != long.MinValue && time.GetElapsedTime(_lastTold) < _tellsEvery)
            {
                return (null, _gate.Since);
            }

            _lastTold = time.GetTimestamp();
            static IReadOnlyList<BackupMoment> Moments(IEnumerable<KeyValuePair<(AccountId Account, uint Computer), long>> of) => [.. of.Select(item => new BackupMoment(item.Key.Account, item.Key.Computer, item.Value))];
            return (new GateNews(_state!.Since, _admitted, _gate.Skipped, _gate.LastBusy > DateTimeOffset.UnixEpoch ? _gate.LastBusy.ToUnixTimeSeconds() : 0)
            {
                Entered = Moments(_entered), Ended = Moments(_ended), GoingOn = [.. _goingOn.Select(who => new BackupMoment(who.Account, who.Computer, 0))],
            }, _gate.Since);
        }
    }

    /// <summary>What was told need not be told again, but what has changed since.</summary>
    private void Told(GateNews news)
    {
        lock (_lock)
        {
            foreach (var (told, of) in new[] { (news.Entered, _entered), (news.Ended, _ended) })
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
                _limit.Look(pressure.Limit, pressure.InFlight, _state?.UnderWay ?? 0);
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

    private Asker AskerOf(Device device, TurnSeal seal)
    {
        var last = device.LastBackupAt is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : (DateTimeOffset?)null;
        var days = last is { } known ? Math.Clamp((time.GetUtcNow() - known).TotalDays, 1, 30) : 1;
        var alone = TimeSpan.FromSeconds(Math.Clamp(device.LastSeconds, 0, _aloneMax.TotalSeconds)) * days;
        return new Asker(seal.Draw(device.Place.Account, device.Computer), last, alone < _aloneMax ? alone : _aloneMax);
    }

    private ToldTurns.Answer? FindTold(HttpContext context, TurnSeal seal, AccountId account, uint computer)
    {
        if (_told.Find(account, computer, BearerOf(context)) is { } told && _gate.TooEarly(told.At) is not null)
        {
            return told;
        }

        return context.Request.Headers[BackupTurn.Header] is { Count: 1 } shown && seal.TryOpen(account, computer, shown.ToString()) is { } moment && _gate.TooEarly(moment) is { } answer
            ? Answer((account, computer), answer) : null;
    }

    private ToldTurns.Answer Answer((AccountId Account, uint Computer) who, GateAnswer answer)
    {
        var token = _seal!.Seal(who.Account, who.Computer, answer.At);
        var problem = new Problem($"urn:holdfast:{FailureTable.NotAdmitted.Code}", FailureTable.NotAdmitted.Guidance, FailureTable.NotAdmitted.HttpStatus, Sentence(answer.Reason, _state), FailureTable.NotAdmitted.Code, null, Turn(answer, token));
        return new ToldTurns.Answer(answer.At, token, JsonSerializer.SerializeToUtf8Bytes(problem, MessageJson.Default.Problem));
    }

    private static BackupTurn Turn(GateAnswer answer, string token) => new(token, NameOf(answer.Reason), Up(answer.At), Up(answer.ExpectedStart));

    private static string NameOf(GateReason reason) => reason switch
    {
        GateReason.Closed => "closed",
        GateReason.Held => "held",
        GateReason.Busy => "busy",
        _ => "turn",
    };

    private static string Sentence(GateReason reason, GateState? state) => (reason, state?.Reason) switch
    {
        (GateReason.Busy, _) => "The service has as many backups as it bears.",
        (GateReason.Closed, { } why) => $"The service takes no backups now: {why}.",
        (GateReason.Closed, _) => "The service takes no backups now.",
        (GateReason.Held, _) => "The service's operator lets nobody else begin for the moment.",
        (_, { } why) => $"The service is catching up ({why}).",
        _ => "The service is catching up.",
    };

    private static long Up(DateTimeOffset moment) => (moment.ToUnixTimeMilliseconds() + 999) / 1000;

    private static ulong BearerOf(HttpContext context) => BinaryPrimitives.ReadUInt64BigEndian(DeviceToken.HashOf(context.Request.Headers.Authorization.ToString()));

    [LoggerMessage(EventId = 1, Level = LogLevel.Warning, Message = "The gate could not be looked at; what was known before counts on")]
    private partial void LogNotLooked(Exception exception);

    [LoggerMessage(EventId = 2, Level = LogLevel.Warning, Message = "The pod does not say how it bears its work: {Reason}")]
    private partial void LogPodSilent(string reason);
}
