using System.Globalization;
using System.Text.Json;
using Holdfast.Authority.Measuring;
using Holdfast.Maintenance.Estimating;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>A kind of step of a window. Another kind is another class, named in <see cref="WindowSteps"/>.</summary>
internal interface IWindowStep
{
    /// <summary>What a plan calls it.</summary>
    string Kind { get; }

    /// <summary>Settings that it may have in a plan.</summary>
    IReadOnlyCollection<string> Settings { get; }

    /// <summary>What its volume counts; null if it has none.</summary>
    string? Unit => null;

    /// <summary>Services are away, in part, while it runs.</summary>
    bool IsBefore => true;

    /// <summary>Data may come to harm by it: what proves that none did comes behind.</summary>
    bool ChangesData => false;

    /// <summary>Says what is wrong with it before anything is done.</summary>
    /// <exception cref="WindowPlanException">A setting is wrong.</exception>
    /// <exception cref="Protocol.Failures.HoldfastException">The service cannot do it.</exception>
    Task CheckAsync(PlanStep step, CancellationToken cancellation);

    /// <summary>What is known of how long it takes.</summary>
    StepHistory HistoryOf(PlanStep step, KnownWork known);

    /// <summary>What actuals call what it does; null if nothing is learned from it.</summary>
    string? Work => null;

    /// <summary>Its engine keeps what it took itself.</summary>
    bool IsKeptByEngine => false;

    /// <summary>What its volume is counted by, of what the service counts of its own growth.</summary>
    IReadOnlyCollection<string> Metrics => [];

    /// <summary>What of it goes wrong if it takes longer than a time, and that time; null if nothing does.</summary>
    (TimeSpan Longer, string Then)? FindLimit(PlanStep step) => null;

    /// <summary>What the plan should have behind it and has not, as a line of a plan; null if nothing.</summary>
    string? Propose(PlanStep step, WindowPlan plan) => null;

    /// <summary>True if a part of it can be tried without anybody noticing.</summary>
    bool IsRehearsed => false;

    /// <summary>The tree whose node alone can try it; null if any can.</summary>
    string? RehearsedAt(PlanStep step) => null;

    /// <summary>Tries it with a part, on a scratch target, and leaves nothing behind; null if there is nothing to try it with.</summary>
    Task<Measured?> RehearseAsync(PlanStep step, CancellationToken cancellation) => Task.FromResult<Measured?>(null);

    /// <summary>Does what is to be done next, and says how it stands. Whoever does this may be killed anywhere: it is called again, perhaps on another node, until it says that it is over.</summary>
    Task<StepOutlook> AdvanceAsync(StepRun run, CancellationToken cancellation);

    /// <summary>What it goes by when somebody has it tried again after it failed; nothing unless it says so.</summary>
    string? TriedAgain(string? reference) => null;

    /// <summary>Has its engine do no more, because the window goes on without it; what it did stays.</summary>
    Task StopAsync(StepRun run, CancellationToken cancellation) => Task.CompletedTask;

    /// <summary>Takes back what it did, or stops; called until it says that it is over. Null: what it did stays.</summary>
    Task<StepOutlook?> UndoAsync(StepRun run, CancellationToken cancellation) => Task.FromResult<StepOutlook?>(null);
}

/// <summary>A step that has begun.</summary>
/// <param name="Step">As it was planned.</param>
/// <param name="Row">As it stands.</param>
/// <param name="Window">The window that it is of.</param>
/// <param name="Message">What the plan says to those who are affected.</param>
/// <param name="KeepReferenceAsync">Writes down what it works with, before it does.</param>
/// <param name="LookAsync">For who works for long: does what each look does besides, and says whether the step is still wanted: false once it was skipped, or the window is given up.</param>
internal sealed record StepRun(PlanStep Step, WindowStep Row, Window Window, string? Message, Func<string, CancellationToken, Task> KeepReferenceAsync, Func<CancellationToken, Task<bool>> LookAsync)
{
    /// <summary>Of a step that is done with: nothing is kept of it by this, and it is not wanted any more.</summary>
    public static StepRun Over(WindowPlan plan, WindowStep row, Window window) => new(plan.Steps[(int)row.Position], row, window, plan.Message, (_, _) => Task.CompletedTask, _ => Task.FromResult(false));

    /// <summary>Seconds since 1970: what was begun since may be this step's doing.</summary>
    public long StartedAt => Row.StartedAt!.Value / 1000;
}

/// <summary>How a step stands.</summary>
/// <param name="IsOver">It is done.</param>
/// <param name="Share">How much of it is done; null if it cannot say.</param>
/// <param name="Detail">What it is at, or came to.</param>
/// <param name="Reference">What it works with, to be found again by whoever goes on.</param>
/// <param name="Failure">Why it does not go on until somebody does something about it: the window is paused; null if it does.</param>
/// <param name="Trouble">Why it does not get on now; it is tried again by itself.</param>
/// <param name="Volume">How much it worked on, if it knows better than what was counted.</param>
internal sealed record StepOutlook(bool IsOver, double? Share = null, string? Detail = null, string? Reference = null, string? Failure = null, string? Trouble = null, double? Volume = null)
{
    /// <summary>What cannot be is not believed: an engine that says that it did more than all of it, or no number.</summary>
    public StepOutlook Checked() => Share is not { } share || share is >= 0 and <= 1 ? this with { Volume = Volume is >= 0 and <= VolumeMax ? Volume : null }
        : Failed(string.Create(CultureInfo.InvariantCulture, $"What it works with says that it did {share} of all, which cannot be."), Reference);

    /// <summary>What comes of an engine's words that are none, whatever they were to be: tried again they are the same.</summary>
    public static bool IsNonsense(Exception exception) => exception is JsonException or FormatException or OverflowException or InvalidDataException or KeyNotFoundException or ArgumentException;

    private const double VolumeMax = 1e18;

    public static StepOutlook Over(string? detail = null) => new(true, 1, detail);

    public static StepOutlook Failed(string failure, string? reference = null) => new(false, null, null, reference, failure);
}
