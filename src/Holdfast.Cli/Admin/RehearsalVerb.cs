using System.CommandLine;
using System.Globalization;
using Holdfast.Client.Connecting;
using Holdfast.Maintenance.Rehearsing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin maintenance rehearse</c>: steps tried with a part, and everybody's return played through.</summary>
internal static class RehearsalVerb
{
    private const double SecondsPerDay = 86_400;

    public static Command Of(Output output, Argument<string> planOrWindow)
    {
        var capacity = new Option<string?>("--capacity") { Description = "What the service takes in a second, such as 400M, as a load test or its busiest hour showed; unless given, what its busiest day came to, which is the least it can.", HelpName = "SIZE" };
        var measure = new Option<bool>("--measure") { Description = "Try the steps of a window that is planned with a part, on scratch targets, first: accounts are copied beside their next home, permissions of a clone are changed, the pod reads some objects. What that takes counts in estimates." };
        var stop = new Option<bool>("--stop") { Description = "Give up a try with --measure." };
        var computers = new Option<int?>("--computers") { Description = "How many computers back up; as counted last unless given.", HelpName = "N" };
        var perDay = new Option<string?>("--per-day") { Description = "What a computer sends a day, such as 300M; by the growth of the last month unless given.", HelpName = "SIZE" };
        var seed = new Option<int>("--seed") { Description = "The same seed plays the same.", DefaultValueFactory = _ => 1, HelpName = "N" };
        return AdminCall.Ask("rehearse", """
            Plays a window through, step by step, and everybody's return behind it, under a clock of its own, with the gate and the turns that the service uses: when services would be back and everyone caught up, and what may go wrong. Nothing is begun, and nobody is told.

            Example:
              holdfast admin maintenance rehearse plan.yaml --capacity 400M
              holdfast admin maintenance rehearse latest --measure
            """, [planOrWindow, capacity, computers, perDay, seed, measure, stop], async (parsed, service, cancellation) =>
        {
            if (parsed.GetValue(stop))
            {
                await AdminCall.SendAsync(service, HttpMethod.Delete, $"/v1/windows/{Uri.EscapeDataString(parsed.GetRequiredValue(planOrWindow))}/rehearsal", MessageJson.Default.WindowRehearsal, cancellation);
                output.Print("It is given up; a step that is being tried ends by itself.");
                return;
            }

            if (parsed.GetValue(measure))
            {
                await MeasureAsync(output, service, parsed.GetRequiredValue(planOrWindow), cancellation);
            }

            var estimated = await MaintenanceVerbs.EstimateAsync(service, parsed.GetRequiredValue(planOrWindow), cancellation, parsed.GetValue(seed));
            MaintenanceVerbs.Show(output, estimated);
            if (estimated.Played is { } played)
            {
                Show(output, estimated, played);
            }

            var (window, estimate) = (estimated.Window, estimated.Estimate);
            var counted = await GrowthAsync(service, "computers", cancellation);
            var stored = await GrowthAsync(service, "stored_bytes", cancellation);
            var count = parsed.GetValue(computers) ?? (int)(counted.Count == 0 ? 0 : counted[^1].Value);
            var daily = parsed.GetValue(perDay) is { } size ? BackupVerb.ParseSize(size) : PerDay(stored) / Math.Max(1, count);
            var capacityBytes = parsed.GetValue(capacity) is { } asked ? BackupVerb.ParseSize(asked) : (long)(BusiestDay(stored) / SecondsPerDay);
            if (count < 1 || !(daily > 0) || capacityBytes < 1)
            {
                if (parsed.GetValue(capacity) is not null)
                {
                    throw new HoldfastException(FailureTable.InvalidRequest, "How many computers there are, and how much they send, was not counted for long enough yet: say so with --computers and --per-day.");
                }

                output.Print("Nobody's return was played: how many computers there are, how much they send, and how much the service takes in was not counted for long enough yet. Say so with --computers, --per-day and --capacity.");
                return;
            }

            if (parsed.GetValue(capacity) is null)
            {
                output.Print("What the service takes in a second was not told: it is what its busiest day came to, the least that it can. With --capacity everyone is caught up sooner.");
            }

            output.Print($"{Units.Count(count)} computers come back, each with {Units.Bytes((long)daily)} a day, to a service that takes in {Units.Bytes(capacityBytes)} a second. Services are back, after a window that takes");
            foreach (var one in ReturnRehearsal.Of(new ServiceNumbers(count, daily, capacityBytes), TimeSpan.FromSeconds(estimate.Back.Half), TimeSpan.FromSeconds(estimate.Back.Most), parsed.GetValue(seed)))
            {
                var back = window.StartsAt + (long)one.Away.TotalSeconds;
                output.Print($"  {one.Assumption}: {AdminVerb.At(back)}. Half of all are caught up {After(one.After.Half)} later, 90 % {After(one.After.NineTenths)}, 99 % {After(one.After.NinetyNine)}, everyone {After(one.After.All)}. Restores take {one.Restore.ToString("0.00", CultureInfo.InvariantCulture)} times as long as on an idle service.");
                if (one.HasCollapsed)
                {
                    output.Print("    For half an hour and more less than half is done of what could be: the service does not bear that.");
                }

                if (window.CaughtUpBy is { } promised && back + one.After.All > promised)
                {
                    output.Print($"    That is later than promised ({AdminVerb.At(promised)}).");
                }

                output.Message("rehearsed_return", ("assumption", one.Assumption), ("back_at", back), ("half_seconds", Finite(one.After.Half)), ("nine_tenths_seconds", Finite(one.After.NineTenths)), ("ninety_nine_seconds", Finite(one.After.NinetyNine)), ("all_seconds", Finite(one.After.All)),
                    ("restore", one.Restore), ("has_collapsed", one.HasCollapsed));
            }
        });
    }

    /// <summary>Has steps tried with a part, and waits until that has ended.</summary>
    private static async Task MeasureAsync(Output output, ServiceClient service, string which, CancellationToken cancellation)
    {
        if (which != "latest" && !Guid.TryParse(which, out _))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "Only a window that is planned is measured: `holdfast admin maintenance plan FILE` first, then its id, or latest.");
        }

        var path = $"/v1/windows/{Uri.EscapeDataString(which)}/rehearsal";
        await AdminCall.SendAsync(service, HttpMethod.Post, path, MessageJson.Default.WindowRehearsal, cancellation);
        var said = new HashSet<string>();
        while (true)
        {
            var rehearsal = await service.GetAtAsync(path, MessageJson.Default.WindowRehearsal, cancellation);
            foreach (var step in rehearsal.Steps.Where(step => step is { State: "done" or "failed" } or { State: "left_out", Detail: not null }).Where(step => said.Add(step.Name)))
            {
                output.Print($"  {step.Name,-20}  {step.State.Replace('_', ' ')}: {step.Detail}{(step.Seconds is { } seconds && step.Volume is { } volume ? $", {MaintenanceVerbs.Span(seconds)}: {Units.Count((long)(volume / Math.Max(0.001, seconds)))} {step.Unit} a second" : "")}");
                output.Message("rehearsed_step", ("name", step.Name), ("kind", step.Kind), ("state", step.State), ("detail", step.Detail), ("volume", step.Volume), ("unit", step.Unit), ("seconds", step.Seconds));
            }

            if (rehearsal.IsOver)
            {
                return;
            }

            await Task.Delay(TimeSpan.FromSeconds(1), cancellation);
        }
    }

    /// <summary>The steps one behind the other, twice, and what may go wrong.</summary>
    private static void Show(Output output, EstimatedWindow estimated, PlayedWindow played)
    {
        var (half, most, start) = (0.0, 0.0, estimated.Window.StartsAt);
        output.Print($"Played through from {AdminVerb.At(start)} on, as long as is expected | as once in ten times:");
        foreach (var (step, seconds) in estimated.Estimate.Steps.Zip(played.Steps))
        {
            output.Print($"  {step.Name,-20}  begins {"+" + MaintenanceVerbs.Span(half),9}, takes {MaintenanceVerbs.Span(seconds.Half),8}  |  begins {"+" + MaintenanceVerbs.Span(most),9}, takes {MaintenanceVerbs.Span(seconds.Most),8}");
            output.Message("played_step", ("name", step.Name), ("half_begins_seconds", half), ("half_seconds", seconds.Half), ("most_begins_seconds", most), ("most_seconds", seconds.Most));
            (half, most) = (half + seconds.Half, most + seconds.Most);
        }

        output.Print($"Services are back at {AdminVerb.At(start + (long)played.Steps.Take(played.StepsBefore).Sum(step => step.Half))} | {AdminVerb.At(start + (long)played.Steps.Take(played.StepsBefore).Sum(step => step.Most))}, and it is over at {AdminVerb.At(start + (long)half)} | {AdminVerb.At(start + (long)most)}.");
        output.Print(played.Risks.Count > 0 ? "What may go wrong:" : "Nothing was found that may go wrong.");
        foreach (var risk in played.Risks)
        {
            output.Print($"  - {risk}");
            output.Message("risk", ("risk", risk));
        }
    }

    /// <summary>For never, nothing.</summary>
    private static double? Finite(double seconds) => double.IsFinite(seconds) ? seconds : null;

    private static string After(double seconds) => double.IsFinite(seconds) ? MaintenanceVerbs.Span(seconds) : "never";

    private static Task<IReadOnlyList<GrowthSample>> GrowthAsync(ServiceClient service, string metric, CancellationToken cancellation) => service.ListAsync($"/v1/growth?metric={metric}", MessageJson.Default.GrowthHistory, page => (page.Samples, page.Next), cancellation);

    /// <summary>By how much a metric grew a day in the last month; nothing if it was not counted for so long as two days.</summary>
    private static double PerDay(IReadOnlyList<GrowthSample> samples)
    {
        const int Days = 30;
        return samples.Count > 1 && samples.FirstOrDefault(sample => sample.Day >= samples[^1].Day - Days) is { } first && first.Day < samples[^1].Day ? (double)(samples[^1].Value - first.Value) / (samples[^1].Day - first.Day) : 0;
    }
    /// <summary>What a metric grew by on the day on which it grew most; between days that were not counted the same each.</summary>
    private static double BusiestDay(IReadOnlyList<GrowthSample> samples) =>
        samples.Zip(samples.Skip(1), (before, after) => after.Day > before.Day ? (double)(after.Value - before.Value) / (after.Day - before.Day) : 0).DefaultIfEmpty().Max();
}
