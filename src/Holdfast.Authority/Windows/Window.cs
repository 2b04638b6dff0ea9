using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>States of a window.</summary>
internal static class WindowStates
{
    public const string Planned = "planned";
    public const string Announced = "announced";
    public const string InProgress = "in_progress";
    public const string Paused = "paused";
    public const string Aborting = "aborting";
    public const string Completed = "completed";
    public const string Cancelled = "cancelled";
}

/// <summary>States of a step.</summary>
internal static class StepStates
{
    public const string Waiting = "waiting";
    public const string Running = "running";
    public const string Done = "done";

    /// <summary>It needs somebody.</summary>
    public const string Failed = "failed";

    /// <summary>The window was given up, and what the step did was taken back, or cannot be.</summary>
    public const string Undone = "undone";
    public const string Left = "left";
}

/// <summary>A window's row.</summary>
internal sealed record Window
{
    public const string Columns =
        "window_id AS Id, name, plan, state, starts_at AS StartsAt, planned_at AS PlannedAt, planned_by AS PlannedBy, announced_at AS AnnouncedAt, back_by AS BackBy, caught_up_by AS CaughtUpBy, is_forced AS IsForced, back_half AS BackHalf, back_most AS BackMost, caught_up_half AS CaughtUpHalf, caught_up_most AS CaughtUpMost, live_back_by AS LiveBackBy, live_caught_up_by AS LiveCaughtUpBy, started_at AS StartedAt, back_at AS BackAt, ended_at AS EndedAt, failure, probes, probes_failed AS ProbesFailed, probe_worst AS ProbeWorst, probed_at AS ProbedAt, first_back_by AS FirstBackBy, first_caught_up_by AS FirstCaughtUpBy, changes, changed_at AS ChangedAt, change_reason AS ChangeReason, apology";

    public string Id { get; init; } = "";

    public string Name { get; init; } = "";

    public string Plan { get; init; } = "";

    public string State { get; init; } = "";

    public long StartsAt { get; init; }

    public long PlannedAt { get; init; }

    public string PlannedBy { get; init; } = "";

    public long? AnnouncedAt { get; init; }

    public long? BackBy { get; init; }

    public long? CaughtUpBy { get; init; }

    public long IsForced { get; init; }

    public long? BackHalf { get; init; }

    public long? BackMost { get; init; }

    public long? CaughtUpHalf { get; init; }

    public long? CaughtUpMost { get; init; }

    public long? LiveBackBy { get; init; }

    public long? LiveCaughtUpBy { get; init; }

    public long? StartedAt { get; init; }

    public long? BackAt { get; init; }

    public long? EndedAt { get; init; }

    public string? Failure { get; init; }

    public long Probes { get; init; }

    public long ProbesFailed { get; init; }

    public long ProbeWorst { get; init; }

    public long ProbedAt { get; init; }

    /// <summary>What was promised first.</summary>
    public long? FirstBackBy { get; init; }

    public long? FirstCaughtUpBy { get; init; }

    /// <summary>How often that was changed, when last, and why.</summary>
    public long Changes { get; init; }

    public long? ChangedAt { get; init; }

    public string? ChangeReason { get; init; }

    public string? Apology { get; init; }

    public WindowStatus StatusOf(IReadOnlyList<WindowStep> steps) => new(
        Id, Name, State, StartsAt, PlannedBy, AnnouncedAt, BackBy, CaughtUpBy, IsForced != 0, StartedAt, BackAt, EndedAt, LiveBackBy, LiveCaughtUpBy, new WindowProbes(Probes, ProbesFailed, ProbeWorst), [.. steps.Select(step => step.Status)], Failure, FirstBackBy, FirstCaughtUpBy, ChangeReason);
}

/// <summary>A step's row.</summary>
internal sealed record WindowStep
{
    public const string Columns = "position, kind, name, state, reference, detail, share, half, most, started_at AS StartedAt, ended_at AS EndedAt, learned_half AS LearnedHalf, learned_most AS LearnedMost, leapt";

    /// <summary>How the detail of a step begins that was gone on without.</summary>
    public const string Skipped = "skipped by";

    private const double Whole = 1_000_000;

    public long Position { get; init; }

    public string Kind { get; init; } = "";

    public string Name { get; init; } = "";

    public string State { get; init; } = "";

    public string? Reference { get; init; }

    public string? Detail { get; init; }

    /// <summary>Of a million.</summary>
    public long? Share { get; init; }

    /// <summary>Milliseconds.</summary>
    public long? Half { get; init; }

    public long? Most { get; init; }

    public long? StartedAt { get; init; }

    public long? EndedAt { get; init; }

    /// <summary>How far the clock leapt meanwhile, milliseconds.</summary>
    public long Leapt { get; init; }

    /// <summary>It was gone on without.</summary>
    public bool WasSkipped => Detail?.StartsWith(Skipped, StringComparison.Ordinal) == true;

    /// <summary>How long it took, or takes until a moment (milliseconds since 1970); null before it begins.</summary>
    public TimeSpan? TookUntil(long now) => StartedAt is { } began ? TimeSpan.FromMilliseconds(Math.Max(0, (EndedAt ?? now) - began - Leapt)) : null;

    /// <summary>What it would be estimated to take once it is known what it took, milliseconds.</summary>
    public long? LearnedHalf { get; init; }

    public long? LearnedMost { get; init; }

    public WindowStepStatus Status => new(Name, Kind, State, Share / Whole, Detail, SecondsOf(Half, Most), StartedAt, EndedAt, SecondsOf(LearnedHalf, LearnedMost), Leapt);

    private static EstimatedSeconds? SecondsOf(long? half, long? most) => (half, most) is ({ } a, { } b) ? new EstimatedSeconds(a / 1000.0, b / 1000.0) : null;

    public static long? ShareOf(double? share) => share is { } part ? (long)(Math.Clamp(part, 0, 1) * Whole) : null;
}
