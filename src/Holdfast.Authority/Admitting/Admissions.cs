using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
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

    // What is not told yet: when each was let in, ended, was heard of, and was told to wait.
    private readonly Dictionary<(AccountId Account, uint Computer), long> _entered = [];
    private readonly Dictionary<(AccountId Account, uint Computer), long> _ended = [];
    private readonly HashSet<(AccountId Account, uint Computer)> _goingOn = [];
    private readonly Dictionary<(AccountId Account, uint Computer), long> _waiting = [];
    private readonly CancellationTokenSource _stop = new();
    private GateMeter? _meter;
    private TurnSeal? _seal;
    private GateState? _state;
    private GateRate? _rate;
    private BringUp? _bringUp;
    private long _admitted;
    private int _requests;
    private long _lastTold = long.MinValue;
    private long _lastLooked = long.MinValue;
    private Task _loop = Task.CompletedTask;

    /// <summary>Looks at the gate, and closes it into turns if the service was away; then goes on looking.</summary>
    public async Task StartAsync(CancellationToken cancellation)
    {
        _seal = new TurnSeal(await table.OpenAsync(cancellation));
        lock (_lock)
        {
            _limit.Look(QueueWaitLimit.Start, 0, 0);
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
        if (_seal is not { } seal)
        {
            throw Starting();
        }

        // Older clients show nothing: what this node told them counts as shown.
        var shown = seal.TryOpen(who.Account, who.Computer, context.Request.Headers[BackupTurn.Header].ToString()) ?? _told.Find(who.Account, who.Computer, BearerOf(context))?.At;
        var asker = AskerOf(device, seal);
        GateAnswer answer;
        lock (_lock)
        {
            if (_state is null)
            {
                throw Starting();
            }

            if (_entered.ContainsKey(who) && !_ended.ContainsKey(who))
            {
                return false;
            }

            answer = _gate.Ask(asker, shown);
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

        if (answer.Reason != GateReason.Busy)
        {
            lock (_lock)
            {
                _waiting.TryAdd(who, Now);
            }
        }

        var told = Answer(who, answer);
        _told.Add(who.Account, who.Computer, BearerOf(context), told);
        AuthorityMeter.Refused(NameOf(answer.Reason));
        throw new HoldfastException(FailureTable.NotAdmitted, Sentence(answer.Reason, _state)) { Turn = Turn(answer, told.Token) };
    }

    /// <summary>A computer's share of the pods beside others, and whether it has not backed up since a bring-up began: then it goes before those that have.</summary>
    public (int Weight, bool IsCatchingUp) ShareOf(Device device)
    {
        lock (_lock)
        {
            return _seal is { } seal && _gate.View is { Mode: GateMode.Ramp, BringUp: { } order, Expected: var expected } && AskerOf(device, seal) is var asker && !(asker.LastBackup > order.Began)
                ? (BringUp.Weight(asker, expected), true) : (1, false);
        }
    }

    /// <summary>Does a backup's request: how many of them this node is at is part of what the gate goes by.</summary>
    public async Task CountAsync(Func<Task> request)
    {
        Interlocked.Increment(ref _requests);
        try
        {
            await request();
        }
        finally
        {
            Interlocked.Decrement(ref _requests);
        }
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

    private static HoldfastException Starting() => new(FailureTable.ServiceUnavailable, "The service is starting.");

    /// <summary>What ended while the node drained is told too: places are free at once.</summary>
    private async Task TellLastAsync()
    {
        using var limit = new CancellationTokenSource(_podPatience, time);
        try
        {
            await LookAsync(limit.Token);
            await table.LeaveAsync(limit.Token);
        }
        catch (Exception exception) when (exception is HoldfastException or OperationCanceledException)
        {
            LogNotLooked(exception);
        }
    }

    private Asker AskerOf(Device device, TurnSeal seal)
    {
        var last = device.LastBackupAt is { } at ? DateTimeOffset.FromUnixTimeSeconds(at) : (DateTimeOffset?)null;
        var days = last is { } known ? Math.Clamp((time.GetUtcNow() - known).TotalDays, 1, 30) : 1;
        var alone = TimeSpan.FromSeconds(Math.Clamp(device.LastSeconds, 0, _aloneMax.TotalSeconds)) * days;
        return new Asker(seal.Draw(device.Place.Account, device.Computer), last, alone < _aloneMax ? alone : _aloneMax);
    }
}
