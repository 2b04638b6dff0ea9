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
internal sealed partial class Admissions(GateTable table, AccountStore store, PodClient pod, string node, TimeProvider time, ILogger logger) : IAsyncDisposable
{
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);

    /// <summary>How often a node that has nothing to tell says that it is there.</summary>
    private static readonly TimeSpan _tellsEvery = TimeSpan.FromSeconds(10);

    /// <summary>What a backup takes, before it is known better: rates at the beginning follow from it.</summary>
    private const double BackupSeconds = 60;

    /// <summary>No computer's backlog is taken for longer than this.</summary>
    private static readonly TimeSpan _aloneMax = TimeSpan.FromDays(7);

    private readonly Lock _lock = new();
    private readonly Gate _gate = new(time);
    private readonly BackupsLimit _limit = new();
    private readonly ToldTurns _told = new();
    private readonly HashSet<(AccountId Account, uint Computer)> _seen = [];
    private readonly HashSet<(AccountId Account, uint Computer)> _ended = [];
    private readonly CancellationTokenSource _stop = new();
    private TurnSeal? _seal;
    private GateState? _state;
    private GateRate? _rate;
    private BringUp? _bringUp;
    private long _admitted;
    private long _lastTold = long.MinValue;
    private long _lastLooked = long.MinValue;
    private long _lastPressure = long.MinValue;
    private Task _loop = Task.CompletedTask;

    /// <summary>Looks at the gate, and closes it into turns if the service was away; then goes on looking.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        (var key, var wasAway) = await table.OpenAsync(cancellation);
        _seal = new TurnSeal(key);
        var state = await table.ReadAsync(cancellation);
        if (wasAway && state.Mode is GateMode.Open or GateMode.Ramp)
        {
            // Of several nodes that start at once, one begins it.
            await BeginBringUpAsync("the service was away", state.AtMost, state.Since, cancellation);
        }

        await LookAsync(cancellation);
        _loop = Task.Run(LoopAsync, CancellationToken.None);
    }

    /// <summary>Lets a computer begin a backup, or throws the failure not_admitted with its turn. A backup that is under way goes on.</summary>
    /// <param name="device">The computer.</param>
    /// <param name="context">The request: the turn that it shows, and its token.</param>
    public async Task EnterAsync(Device device, HttpContext context)
    {
        var who = (device.Place.Account, device.Computer);
        GateAnswer answer;
        lock (_lock)
        {
            if (_seal is null || _state is null)
            {
                throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting.");
            }

            if (_seen.Contains(who))
            {
                return;
            }

            answer = _gate.Ask(AskerOf(device, _seal), _seal.TryOpen(who.Account, who.Computer, context.Request.Headers[BackupTurn.Header].ToString()));
            if (answer.IsAdmitted)
            {
                LetIn(who);
                return;
            }
        }

        if (await table.IsUnderWayAsync(who.Account, who.Computer, context.RequestAborted))
        {
            See(device);
            return;
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
            _seen.Add((device.Place.Account, device.Computer));
        }
    }

    /// <summary>A backup has ended; its place is free.</summary>
    public void End(Device device)
    {
        var who = (device.Place.Account, device.Computer);
        lock (_lock)
        {
            _seen.Remove(who);
            if (_ended.Add(who))
            {
                _gate.End();
            }
        }
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
                await table.TurnAsync(state.Mode, GateMode.Ramp, change.AtMost, cancellation);
                break;
            case GateMode.Ramp:
                await BeginBringUpAsync(change.Reason, change.AtMost, null, cancellation);
                break;
            case GateMode.Held:
                if (!await table.TurnAsync(GateMode.Ramp, GateMode.Held, change.AtMost ?? state.AtMost, cancellation) && state.Mode != GateMode.Held)
                {
                    throw new HoldfastException(FailureTable.Conflict, "Only a ramp can be held: close the gate, or let it ramp first.");
                }

                break;
            default:
                await table.ChangeAsync(mode, change.Reason, change.OpensAt, change.AtMost, [], null, cancellation);
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
            var left = Math.Max(0, state.Cohorts.Sum() - view.Admitted - view.Skipped);
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
        _stop.Dispose();
    }

    private async Task BeginBringUpAsync(string? reason, int? atMost, long? expectedSince, CancellationToken cancellation)
    {
        var order = new long[BringUp.CohortsMax];
        var began = time.GetUtcNow();
        foreach (var (lastBackup, count) in await store.CountLastBackupsAsync((long)BringUp.CohortLength.TotalSeconds, cancellation))
        {
            order[BringUp.CohortOf(began, lastBackup is { } last ? DateTimeOffset.FromUnixTimeSeconds(last) : null)] += count;
        }

        await table.ChangeAsync(GateMode.Ramp, reason, null, atMost, order, expectedSince, cancellation);
    }

    private async Task LoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await Task.Delay(_looksEvery, time, _stop.Token);
                await LookAsync(_stop.Token);
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
        await LookAtPodAsync(cancellation);
        GateNews? news = null;
        lock (_lock)
        {
            if (_state is { } known && (_seen.Count + _ended.Count > 0 || _lastTold == long.MinValue || time.GetElapsedTime(_lastTold) >= _tellsEvery))
            {
                news = new GateNews(node, known.Since, _admitted, _gate.Skipped) { Seen = [.. _seen], Ended = [.. _ended] };
                _seen.Clear();
                _ended.Clear();
                _lastTold = time.GetTimestamp();
            }
        }

        GateState state;
        try
        {
            state = news is null ? await table.ReadAsync(cancellation) : await table.TellAsync(news, cancellation);
        }
        catch when (news is not null)
        {
            // Told again with the next; who has begun again since is not ended.
            lock (_lock)
            {
                _seen.UnionWith(news.Seen);
                _ended.UnionWith(news.Ended.Where(who => !_seen.Contains(who)));
            }

            throw;
        }

        if (Take(state))
        {
            await table.ChangeAsync(GateMode.Open, null, null, state.AtMost, [], state.Since, cancellation);
        }
    }

    private async Task LookAtPodAsync(CancellationToken cancellation)
    {
        if (_lastPressure != long.MinValue && time.GetElapsedTime(_lastPressure) < QueueWaitLimit.Window)
        {
            return;
        }

        _lastPressure = time.GetTimestamp();
        try
        {
            var pressure = await pod.PressureAsync(cancellation);
            lock (_lock)
            {
                _limit.Look(pressure.Limit, pressure.InFlight, _state?.UnderWay ?? 0);
            }
        }
        catch (HoldfastException exception)
        {
            // A pod that does not answer bears no more than the least.
            LogPodSilent(exception.Message);
            lock (_lock)
            {
                _limit.Look(0, 1, 0);
            }
        }
    }

    /// <summary>Takes over what nodes know together; true if the bring-up is over.</summary>
    private bool Take(GateState state)
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

            // What this node let in since it told is not yet in the sum.
            var admitted = state.Admitted;
            var most = Math.Min(Math.Max(1, _limit.Limit), state.AtMost ?? int.MaxValue);
            _rate ??= new GateRate(most / BackupSeconds);
            _rate.Add(_lastLooked == long.MinValue ? 0 : time.GetElapsedTime(_lastLooked).TotalSeconds, admitted);
            (_state, _lastLooked) = (state, time.GetTimestamp());
            var left = Math.Max(0, (_bringUp?.Population ?? 0) - admitted - state.Skipped);
            _gate.Look(new GateView
            {
                Mode = state.Mode,
                OpensAt = state.OpensAt is { } opens ? DateTimeOffset.FromUnixTimeSeconds(opens) : null,
                BringUp = _bringUp,
                Expected = _bringUp is null ? TimeSpan.Zero : time.GetUtcNow() - _bringUp.Began + TimeSpan.FromSeconds(Math.Min(left / Math.Max(_rate.PerSecond, 0.0001), TimeSpan.FromDays(365).TotalSeconds)),
                Admitted = admitted,
                Skipped = state.Skipped,
                AdmittedPerSecond = _rate.PerSecond,
                InFlight = state.UnderWay,
                InFlightMax = most,
                Nodes = state.Nodes,
            });
            return state.Mode == GateMode.Ramp && _gate.IsOver;
        }
    }

    private void LetIn((AccountId Account, uint Computer) who)
    {
        _admitted++;
        _seen.Add(who);
        _ended.Remove(who);
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
