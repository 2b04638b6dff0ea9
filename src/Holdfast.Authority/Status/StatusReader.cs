using Holdfast.Admission;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Incidents;
using Holdfast.Authority.Probing;
using Holdfast.Authority.Windows;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Status;

/// <summary>How the service is, by its probes, its gate, its windows and its incidents. Many may ask: it is read again only every few seconds.</summary>
internal sealed class StatusReader(IDatabase directory, WindowSteps kinds, TimeProvider time)
{
    private const long SecondsPerDay = 86_400;
    private const long SecondsPerHour = 3600;
    private const int ListedMax = 50;

    private static readonly TimeSpan _kept = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _soon = TimeSpan.FromDays(7);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(1);

    private static readonly TimeSpan _knownFor = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _readPatience = TimeSpan.FromSeconds(15);

    private Task<(long ReadAt, ServiceStatus Status)>? _read;
    private ServiceStatus? _last;
    private long _readAt;

    /// <summary>As it was a few seconds ago.</summary>
    public async Task<ServiceStatus> StatusAsync(CancellationToken cancellation) => (await Refresh(_kept).WaitAsync(cancellation)).Status;

    /// <summary>Maintenance that is under way, or begins within a week, as far as it is known: nobody's backup waits for that. Null if there is none.</summary>
    public PublicWindow? Soon()
    {
        _ = Refresh(_knownFor);
        var until = (time.GetUtcNow() + _soon).ToUnixTimeSeconds();
        return Volatile.Read(ref _last)?.Windows.LastOrDefault(window => window.EndedAt is null && window.StartsAt <= until);
    }

    /// <summary>What was read last, or is being read; begun anew if that is older.</summary>
    private Task<(long ReadAt, ServiceStatus Status)> Refresh(TimeSpan age)
    {
        var reading = Volatile.Read(ref _read);
        if (reading is { IsCompleted: false } || (reading is { IsCompletedSuccessfully: true } && time.GetElapsedTime(_readAt) <= age))
        {
            return reading;
        }

        // One reads for all who ask meanwhile; who hangs up ends it for nobody else.
        var mine = new TaskCompletionSource<(long, ServiceStatus)>(TaskCreationOptions.RunContinuationsAsynchronously);
        if (Interlocked.CompareExchange(ref _read, mine.Task, reading) != reading)
        {
            return Volatile.Read(ref _read)!;
        }

        _ = Task.Run(() => ReadIntoAsync(mine), CancellationToken.None);
        return mine.Task;
    }

    /// <summary>As it is.</summary>
    public Task<ServiceStatus> ReadAsync(CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var firstDay = (now / SecondsPerDay) - ProbeTable.DaysShown + 1;
        var probes = await ProbeTable.NowAsync(transaction);
        var incidents = await IncidentTable.SinceAsync(transaction, firstDay * SecondsPerDay, ListedMax);
        var windows = await WindowTable.PublicAsync(transaction, firstDay * SecondsPerDay, ListedMax);
        var mode = GateTable.TryParse(await transaction.FindAsync<string>("SELECT mode FROM gate WHERE name = 'backups'") ?? "") ?? GateMode.Open;
        var components = new List<ComponentStatus>();
        foreach (var component in ServiceComponents.All)
        {
            var days = DaysOf(await ProbeTable.DaysAsync(transaction, component, firstDay), component == ServiceComponents.Backups ? windows : [], firstDay, now);
            var measured = days.Where(day => day.Available is not null).ToList();
            components.Add(new ComponentStatus(component, StateOf(component, probes, incidents, windows, mode, now), measured.Count == 0 ? null : measured.Average(day => day.Available!.Value), days));
        }

        return new ServiceStatus(probes.Count == 0 ? 0 : probes.Values.Max(probe => probe.ProbedAt), components, [.. windows.Select(PublicOf)],
            [.. incidents.Select(one => new PublicIncident(one.Id, one.Title, one.Components, one.Impact, one.BeganAt, one.ClosedAt, [.. one.Events.Where(said => said.IsPublic)]))]);
    }, cancellation);

    private async Task ReadIntoAsync(TaskCompletionSource<(long, ServiceStatus)> into)
    {
        try
        {
            // Whoever asked first, it is for all: and nobody waits for ever.
            Work.Current = new Work(WorkClass.Interactive, "");
            using var limit = new CancellationTokenSource(_readPatience, time);
            var status = await ReadAsync(limit.Token);
            Volatile.Write(ref _last, status);
            Volatile.Write(ref _readAt, time.GetTimestamp());
            into.SetResult((_readAt, status));
        }
#pragma warning disable CA1031 // Whoever asked is told, by what they wait for.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            into.SetException(exception);
        }
    }

    private static string StateOf(
        string component, IReadOnlyDictionary<string, (long ProbedAt, long? FailingSince, string? Failure)> probes, IReadOnlyList<IncidentStatus> incidents, IReadOnlyList<Window> windows, GateMode mode, long now)
    {
        var open = incidents.Where(one => one.ClosedAt is null && one.Components.Contains(component)).ToList();
        return component switch
        {
            _ when open.Any(one => one.Impact == IncidentTable.Outage) => ComponentStates.Outage,
            _ when !probes.TryGetValue(component, out var probe) || Math.Abs(now - probe.ProbedAt) > (long)ProbeTable.Gap.TotalSeconds => ComponentStates.Unknown,
            _ when probes[component].FailingSince is { } since && now - since >= (long)_patience.TotalSeconds => ComponentStates.Outage,
            _ when open.Count > 0 => ComponentStates.Degraded,
            ServiceComponents.Backups when windows.Any(window => IsUnderWay(window) && window.BackAt is null) || mode == GateMode.Closed => ComponentStates.Maintenance,
            ServiceComponents.Backups when mode != GateMode.Open => ComponentStates.Degraded,
            _ => ComponentStates.Working,
        };
    }

    private static List<ComponentDay> DaysOf(IReadOnlyDictionary<long, long> measured, IReadOnlyList<Window> windows, long firstDay, long now)
    {
        var days = new List<ComponentDay>();
        for (var day = firstDay; day <= now / SecondsPerDay; day++)
        {
            var (from, until) = (day * SecondsPerDay, Math.Min(now, (day + 1) * SecondsPerDay));
            var maintenance = windows.Where(window => window.StartedAt is not null).Sum(window => Math.Max(0, Math.Min(until, window.BackAt ?? window.EndedAt ?? now) - Math.Max(from, window.StartedAt!.Value)));

            // Of whole hours, and in whole minutes: what grows by the second would be news every second.
            var hours = (until - from + SecondsPerHour - 1) / SecondsPerHour * SecondsPerHour;
            days.Add(new ComponentDay(day, measured.TryGetValue(day, out var away) ? Math.Clamp(1 - ((double)away / Math.Max(SecondsPerHour, hours)), 0, 1) : null, measured.GetValueOrDefault(day), (maintenance + 59) / 60 * 60));
        }

        return days;
    }

    private PublicWindow PublicOf(Window window) => new(
        window.Id, window.Name, kinds.Parse(window.Plan).Message, IsUnderWay(window) ? WindowStates.InProgress : window.State == WindowStates.Aborting ? WindowStates.Cancelled : window.State, window.StartsAt, window.BackBy, window.CaughtUpBy, window.FirstBackBy == window.BackBy ? null : window.FirstBackBy, window.ChangeReason,
        window.StartedAt, window.BackAt, window.EndedAt, window.EndedAt ?? window.BackAt ?? Math.Max(window.StartedAt ?? 0, Math.Max(window.ChangedAt ?? 0, window.AnnouncedAt ?? 0)),
        window.FirstCaughtUpBy == window.CaughtUpBy ? null : window.FirstCaughtUpBy);

    private static bool IsUnderWay(Window window) => window.State is WindowStates.InProgress or WindowStates.Paused or WindowStates.Aborting && window.StartedAt is not null;
}
