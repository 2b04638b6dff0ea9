using Holdfast.Authority.Databases;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>What is promised of windows: when services are back, and when everyone is caught up. Less than is exceeded once in ten times is promised only by force, and that is recorded.</summary>
internal sealed class WindowPromises(WindowTable table, WindowSteps kinds, WindowEstimates estimates, TimeProvider time)
{
    private const long PromiseUnit = 15 * 60;
    private const long ShortPromiseUnit = 5 * 60;
    private const long ShortWindow = 60 * 60;

    /// <summary>Time for a node that dies on the way to be noticed, started again, and to go on: no step's history knows of that, and a window of seconds would be late by it.</summary>
    private const long NodeLossReserve = 5 * 60;

    private const int ReasonMax = 500;

    private static readonly TimeSpan _aheadMax = TimeSpan.FromDays(3 * 365);
    private static readonly TimeSpan _lengthMax = TimeSpan.FromDays(365);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Promises for the first time.</summary>
    public async Task AnnounceAsync(Window window, AnnounceWindow asked, string by, CancellationToken cancellation)
    {
        if (window.State != WindowStates.Planned)
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The window is {window.State}: only one that is planned is announced.");
        }

        if (window.StartsAt < Now)
        {
            throw new HoldfastException(FailureTable.WindowRefused, "The window would have begun by now: plan another.");
        }

        var estimate = await EstimateAsync(window, window.StartsAt, cancellation);
        var promise = PromiseOf(window.StartsAt, asked.BackBy, asked.CaughtUpBy, estimate, asked.Force);
        if (!await table.ChangeAsync(window.Id, [WindowStates.Planned],
            $"state = '{WindowStates.Announced}', announced_at = @now, announced_by = @by, back_by = @backBy, caught_up_by = @caughtUpBy, first_back_by = @backBy, first_caught_up_by = @caughtUpBy, live_back_by = @backLeast, live_caught_up_by = @caughtUpLeast, is_forced = @isForced, back_half = @backHalf, back_most = @backMost, caught_up_half = @caughtUpHalf, caught_up_most = @caughtUpMost",
            $"Announced by {by}: {promise.Sentence}", Values(promise, estimate, by, window.StartsAt, null), cancellation, checkAsync: transaction => PromiseAsync(transaction, window, window.StartsAt, promise, estimate)))
        {
            throw Changed();
        }
    }

    /// <summary>Promises something else: of a window that is announced another time too, of one that is under way by what is expected now.</summary>
    public async Task ChangeAsync(Window window, IReadOnlyList<WindowStep> steps, ChangePromise asked, string by, CancellationToken cancellation)
    {
        if (asked.Reason is { } reason && (reason.Length is 0 or > ReasonMax || reason.Any(char.IsControl)))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"Why a promise is changed is one line of up to {ReasonMax} characters.");
        }

        if (window.State is not (WindowStates.Announced or WindowStates.InProgress or WindowStates.Paused))
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The window is {window.State}: only of one that is announced or under way something else is promised.");
        }

        var isBegun = window.StartedAt is not null;
        if (isBegun && (asked.StartsAt is not null || (window.BackAt is not null && asked.BackBy is not null)))
        {
            throw new HoldfastException(FailureTable.WindowRefused, window.BackAt is null ? "The window has begun: only what it ends by is changed." : "Services are back: only when everyone is caught up is changed.");
        }

        var startsAt = asked.StartsAt ?? window.StartsAt;
        if (!isBegun && (startsAt < Now || startsAt > Now + (long)_aheadMax.TotalSeconds))
        {
            throw new HoldfastException(FailureTable.WindowRefused, $"The window would begin {At(startsAt)}: say with `--start` another time to come, no more than {_aheadMax.TotalDays / 365:0} years ahead.");
        }

        var estimate = isBegun ? await LiveAsync(window, steps, cancellation) : await EstimateAsync(window, startsAt, cancellation);
        var promise = PromiseOf(window.StartedAt ?? startsAt, asked.BackBy, asked.CaughtUpBy, estimate, asked.Force, isBack: window.BackAt is not null ? window.BackBy : null);
        if (!await table.ChangeAsync(window.Id, [window.State],
            "starts_at = @startsAt, back_by = @backBy, caught_up_by = @caughtUpBy, changes = changes + 1, changed_at = @now, change_reason = @reason, is_forced = CASE WHEN @isForced = 1 THEN 1 ELSE is_forced END"
                + (isBegun ? "" : ", live_back_by = @backLeast, live_caught_up_by = @caughtUpLeast, back_half = @backHalf, back_most = @backMost, caught_up_half = @caughtUpHalf, caught_up_most = @caughtUpMost"),
            $"Changed by {by}: begins {At(startsAt)}, {promise.Sentence}{(asked.Reason is { } why ? $" {why}" : "")}", Values(promise, estimate, by, startsAt, asked.Reason), cancellation,
            checkAsync: transaction => PromiseAsync(transaction, window, startsAt, promise, estimate), promisedAs: window))
        {
            throw Changed();
        }
    }

    private async Task<WindowEstimate> EstimateAsync(Window window, long startsAt, CancellationToken cancellation)
    {
        var plan = kinds.Parse(window.Plan);
        await kinds.CheckAsync(plan, cancellation);
        return estimates.Of(plan, startsAt, await estimates.ReadAsync(cancellation));
    }

    /// <summary>What is expected of a window that is under way, counted from when it began. What is done is known.</summary>
    private async Task<WindowEstimate> LiveAsync(Window window, IReadOnlyList<WindowStep> steps, CancellationToken cancellation)
    {
        var started = window.StartedAt!.Value;
        var unknown = estimates.Of(kinds.Parse(window.Plan), started, await estimates.ReadAsync(cancellation)).Unknown.Where(name => steps.Any(step => step.Name == name && step.EndedAt is null)).ToList();
        static EstimatedSeconds Until(long? at, long from) => new((at ?? from) - from, (at ?? from) - from);
        return new WindowEstimate(Until(window.BackAt ?? window.LiveBackBy, started), Until(window.LiveCaughtUpBy, started), [], unknown);
    }

    /// <param name="startsAt">When it begins, or began.</param>
    /// <param name="askedBackBy">What is to be promised; by the estimate if null.</param>
    /// <param name="askedCaughtUpBy">The same.</param>
    /// <param name="estimate">What is known.</param>
    /// <param name="force">Less may be promised.</param>
    /// <param name="isBack">What was promised of services that are back: it stays; null if they are not.</param>
    private static Promise PromiseOf(long startsAt, long? askedBackBy, long? askedCaughtUpBy, WindowEstimate estimate, bool force, long? isBack = null)
    {
        var (backLeast, caughtUpLeast) = (startsAt + (long)Math.Ceiling(estimate.Back.Most), startsAt + (long)Math.Ceiling(estimate.CaughtUp.Most));
        var (backBy, caughtUpBy) = (isBack ?? askedBackBy ?? Ample(startsAt, backLeast), askedCaughtUpBy ?? Math.Max(isBack ?? askedBackBy ?? 0, Ample(startsAt, caughtUpLeast)));
        if (caughtUpBy > startsAt + (long)_lengthMax.TotalSeconds)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"No window takes longer than {_lengthMax.TotalDays:0} days: {(askedCaughtUpBy is null ? "shorten it" : "promise another time")}.");
        }

        if (backBy <= startsAt || caughtUpBy < backBy)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "Services are back after the window begins, and everyone is caught up after that.");
        }

        var isShort = (isBack is null && backBy < backLeast) || caughtUpBy < caughtUpLeast;
        if ((isShort || estimate.Unknown.Count > 0) && !force)
        {
            throw new HoldfastException(FailureTable.WindowTooShort, estimate.Unknown.Count > 0
                ? $"How long these steps take is not known: {string.Join(", ", estimate.Unknown)}. Rehearse them (`holdfast admin maintenance rehearse --measure`) or run them on a part first, or announce it with `--force`; that is recorded."
                : $"Once in ten times services are back only at {At(backLeast)}, and everyone is caught up at {At(caughtUpLeast)}: {At(backBy)} and {At(caughtUpBy)} would be promised too often in vain. Promise less, shorten the window, or announce it with `--force`; that is recorded.");
        }

        return new Promise(backBy, caughtUpBy, backLeast, caughtUpLeast, isShort,
            $"back by {At(backBy)}, everyone caught up by {At(caughtUpBy)}.{(isShort ? $" That is less than the estimate ({At(backLeast)}, {At(caughtUpLeast)}), and was forced." : "")}{(estimate.Unknown.Count > 0 ? $" How long these steps take was not known, and it was forced: {string.Join(", ", estimate.Unknown)}." : "")}");
    }

    private object Values(Promise promise, WindowEstimate estimate, string by, long startsAt, string? reason) => new
    {
        now = Now, by, promise.BackBy, promise.CaughtUpBy, promise.BackLeast, promise.CaughtUpLeast, isForced = promise.IsShort ? 1L : 0L, backHalf = (long)estimate.Back.Half, backMost = (long)estimate.Back.Most,
        caughtUpHalf = (long)estimate.CaughtUp.Half, caughtUpMost = (long)estimate.CaughtUp.Most, startsAt, reason,
    };

    /// <summary>Looks whether no other window is then, and keeps the estimate with what is promised by it.</summary>
    private async Task PromiseAsync(DatabaseTransaction transaction, Window window, long startsAt, Promise promise, WindowEstimate estimate)
    {
        await table.CheckAloneAsync(transaction, window.Id, window.StartedAt ?? startsAt, promise.CaughtUpBy);
        await WindowTable.EstimateAsync(transaction, window.Id, [.. estimate.Steps.Select(step => step.Seconds)]);
    }

    /// <summary>A time of day that people keep in mind, and with room for a mishap.</summary>
    private static long Ample(long startsAt, long least)
    {
        var unit = least - startsAt < ShortWindow ? ShortPromiseUnit : PromiseUnit;
        return (least + NodeLossReserve + unit - 1) / unit * unit;
    }

    private static string At(long seconds) => $"{DateTimeOffset.FromUnixTimeSeconds(seconds):yyyy-MM-dd HH:mm} UTC";

    private static HoldfastException Changed() => new(FailureTable.WindowRefused, "The window was changed by somebody else just now: look again.");

    private sealed record Promise(long BackBy, long CaughtUpBy, long BackLeast, long CaughtUpLeast, bool IsShort, string Sentence);
}
