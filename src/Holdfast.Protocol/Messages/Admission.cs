namespace Holdfast.Protocol.Messages;

/// <summary>When a computer that was not let in comes again.</summary>
/// <param name="Token">To be shown then, in the header <see cref="Header"/>: it keeps the computer's place.</param>
/// <param name="Reason">One of <c>closed</c>, <c>held</c>, <c>turn</c> and <c>busy</c>.</param>
/// <param name="At">When to come, Unix seconds; not before, and within half an hour after.</param>
/// <param name="ExpectedStart">When the backup about begins, Unix seconds.</param>
public sealed record BackupTurn(string Token, string Reason, long At, long ExpectedStart)
{
    public const string Header = "Holdfast-Turn";
}

/// <summary>Changes what the gate does with computers that want to back up.</summary>
/// <param name="Mode"><c>open</c>, <c>closed</c>, <c>ramp</c> or <c>held</c>.</param>
/// <param name="AtMost">So many backups at once, whatever the service could bear; no limit but its own if null.</param>
/// <param name="OpensAt">When a closed gate is expected to open, Unix seconds; computers are told so.</param>
/// <param name="Reason">Why, for those who wait.</param>
public sealed record ChangeGate(string Mode, int? AtMost = null, long? OpensAt = null, string? Reason = null);

/// <summary>The gate, and how the return of everybody is going. Times are Unix seconds.</summary>
/// <param name="Mode"><c>open</c>, <c>closed</c>, <c>ramp</c> or <c>held</c>.</param>
/// <param name="Reason">Why, as an operator said; or what began it.</param>
/// <param name="Since">When that began.</param>
/// <param name="OpensAt">When a closed gate is expected to open.</param>
/// <param name="AtMost">The operator's limit of backups at once.</param>
/// <param name="UnderWay">Backups under way.</param>
/// <param name="UnderWayMax">Backups that the service bears at once, as measured now.</param>
/// <param name="Computers">Computers that may come back.</param>
/// <param name="Admitted">Computers let in since the ramp began.</param>
/// <param name="PerHour">Computers let in an hour, as measured over the last ten minutes.</param>
/// <param name="TurnsBy">When everybody will have had a turn.</param>
/// <param name="CaughtUpBy">When everybody will be done.</param>
/// <param name="Nodes">Nodes that let computers in.</param>
public sealed record GateStatus(
    string Mode, string? Reason, long Since, long? OpensAt, int? AtMost, int UnderWay, int UnderWayMax, long Computers, long Admitted, double PerHour, long? TurnsBy, long? CaughtUpBy, int Nodes);

/// <summary>How a pod bears what it has to do.</summary>
/// <param name="Limit">Uploads in and waiting at once, at which they wait as long as they should.</param>
/// <param name="InFlight">The most that were in at once of late.</param>
/// <param name="WaitMilliseconds">How long an upload waited for its memory, of late.</param>
public sealed record PodPressure(int Limit, int InFlight, double WaitMilliseconds);
