using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Holdfast.Client.Connecting;
using Holdfast.Maintenance.Estimating;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin maintenance</c>: windows that are planned, estimated, announced and run.</summary>
internal static class MaintenanceVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        var file = new Argument<string>("PLAN") { Description = "A file in YAML; - for standard input." };
        var window = new Argument<string>("WINDOW") { Description = "The window's id; the latest unless given.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "latest" };
        var planOrWindow = new Argument<string>("PLAN|WINDOW") { Description = "A file in YAML, or the id of a window that is planned; the latest window unless given.", Arity = ArgumentArity.ZeroOrOne, DefaultValueFactory = _ => "latest" };
        var backBy = new Option<DateTimeOffset?>("--back-by") { Description = "When services are back (2026-12-06T08:00Z); unless given as estimated, with five minutes for a node that dies, rounded up.", HelpName = "TIME" };
        var caughtUpBy = new Option<DateTimeOffset?>("--caught-up-by") { Description = "When everyone is caught up; as estimated unless given.", HelpName = "TIME" };
        var force = new Option<bool>("--force") { Description = "Promise less than the estimate, or what cannot be estimated. It is recorded." };
        var skip = new Option<bool>("--skip") { Description = "Go on without the step at which the window is." };
        admin.Subcommands.Add(new Command("maintenance", """
            Maintenance windows: planned, estimated from the service's own growth, announced with a promise, and run step by step, while restores go on.

            A plan:
              name: New database server
              start: 2026-12-05T20:00Z
              message: Backups pause for some hours; restores work all the time.
              steps:
                - announce
                - gate: { wait: 10m }
                - migrate: { target: second, at_once: 8 }
                - permissions: { tree: exports, mode: "u=rwX,go=", threads: 20 }
                - run: { command: vacuum, timeout: 2h }
                - verify
                - bring-up
                - close

            Example:
              holdfast admin maintenance estimate plan.yaml
              holdfast admin maintenance plan plan.yaml
              holdfast admin maintenance announce
              holdfast admin maintenance show
              holdfast admin maintenance report > report.md
            """)
        {
            AdminCall.Ask("plan", "Looks whether all of a plan can be done, estimates it, and writes it down.", [file], async (parsed, service, cancellation) =>
            {
                var planned = await PlanAsync(service, parsed.GetRequiredValue(file), isDry: false, cancellation);
                Show(output, planned);
                output.Print($"Planned as {planned.Window.Id}.");
                Tell(output, planned.Window);
            }),
            AdminCall.Ask("estimate", "How long a window takes, until services are back and until everyone is caught up, and why. Nothing is written down.", [planOrWindow], async (parsed, service, cancellation) =>
            {
                Show(output, await EstimateAsync(service, parsed.GetRequiredValue(planOrWindow), cancellation));
            }),
            AdminCall.List("list", "Windows, the latest first.", "/v1/windows", MessageJson.Default.WindowList, page => (page.Windows, page.Next), one =>
            {
                output.Print($"{one.Id}  {one.State,-11}  {AdminVerb.At(one.StartsAt)}  {one.Name}");
                Tell(output, one);
            }),
            AdminCall.Ask("show", "How far a window is, and when it will be over.", [window], async (parsed, service, cancellation) => Show(output, await service.GetAtAsync($"/v1/windows/{AdminCall.Part(parsed, window)}", MessageJson.Default.WindowStatus, cancellation))),
            AdminCall.Ask("announce", "Promises when services are back and everyone is caught up, and tells those who are affected. Less than the estimate holds nine times in ten is promised only with --force.", [window, backBy, caughtUpBy, force], async (parsed, service, cancellation) =>
                Show(output, await service.SendOnceAsync(HttpMethod.Post, $"/v1/windows/{AdminCall.Part(parsed, window)}/announce", new AnnounceWindow(parsed.GetValue(backBy)?.ToUnixTimeSeconds(), parsed.GetValue(caughtUpBy)?.ToUnixTimeSeconds(), parsed.GetValue(force)),
                    MessageJson.Default.AnnounceWindow, MessageJson.Default.WindowStatus, cancellation))),
            Act(output, "start", "Begins a window now that is announced; otherwise it begins by itself when its time has come.", window, [], _ => ""),
            Act(output, "pause", "Begins no other step; what runs goes on by itself.", window, [], _ => ""),
            Act(output, "resume", "Goes on with a window that is paused, or that needed somebody.", window, [skip], parsed => parsed.GetValue(skip) ? "?skip=true" : ""),
            Act(output, "abort", "Gives a window up: accounts that moved go back, computers come back by turns; what cannot be taken back is said.", window, [], _ => ""),
            RehearsalVerb.Of(output, planOrWindow),
            AdminCall.Ask("history", "Windows that were completed, a line of JSON each, with what was known when they were planned: what `backtest` goes by.", [], async (_, service, cancellation) =>
            {
                foreach (var past in (await service.GetAtAsync("/v1/windows/history", MessageJson.Default.WindowHistory, cancellation)).Windows)
                {
                    output.Print(past.GetRawText());
                    output.Message("past_window", ("window", JsonNode.Parse(past.GetRawText())));
                }
            }),
            BackTestVerb(output),
            PromiseVerb(output, window, backBy, caughtUpBy, force),
            ReportVerb.Of(output, "What was promised, what happened and when, to whom, and what was given back.", window, "/v1/windows/{of}/report", MessageJson.Default.WindowReport, report => (report.Markdown, report.Html ?? ""), "window_report"),
        });
    }

    private static Command PromiseVerb(Output output, Argument<string> window, Option<DateTimeOffset?> backBy, Option<DateTimeOffset?> caughtUpBy, Option<bool> force)
    {
        var start = new Option<DateTimeOffset?>("--start") { Description = "Begin at another time; only before it has begun.", HelpName = "TIME" };
        var reason = new Option<string?>("--reason") { Description = "Why, as those who are affected read it.", HelpName = "TEXT" };
        return AdminCall.Ask("promise", """
            Promises something else of a window that is announced, or under way, and tells those who are affected: another time, or by what is known now.

            Example:
              holdfast admin maintenance promise --start 2026-12-06T20:00Z --reason "Drives arrive a day later."
              holdfast admin maintenance promise --reason "Copying takes longer than expected."
            """, [window, start, backBy, caughtUpBy, reason, force], async (parsed, service, cancellation) =>
            Show(output, await service.SendOnceAsync(HttpMethod.Post, $"/v1/windows/{AdminCall.Part(parsed, window)}/promise",
                new ChangePromise(parsed.GetValue(start)?.ToUnixTimeSeconds(), parsed.GetValue(backBy)?.ToUnixTimeSeconds(), parsed.GetValue(caughtUpBy)?.ToUnixTimeSeconds(), parsed.GetValue(reason), parsed.GetValue(force)),
                MessageJson.Default.ChangePromise, MessageJson.Default.WindowStatus, cancellation)));
    }

    /// <summary>A plan in a file, or a window that is planned, and how long it takes.</summary>
    public static async Task<EstimatedWindow> EstimateAsync(ServiceClient service, string which, CancellationToken cancellation, int seed = 1) => which == "latest" || Guid.TryParse(which, out _)
        ? await service.GetAtAsync($"/v1/windows/{Uri.EscapeDataString(which)}/estimate?seed={seed}", MessageJson.Default.EstimatedWindow, cancellation)
        : await PlanAsync(service, which, isDry: true, cancellation, seed);

    private static Command BackTestVerb(Output output)
    {
        var file = new Argument<string>("FILE") { Description = "Windows that are over, a line of JSON each, with what was known when they were planned; - for standard input." };
        var command = new Command("backtest", "How good estimates would have been: each window of a file is estimated by what was known then, and compared with what it took. Nothing is asked of the service: `holdfast admin maintenance history | holdfast admin maintenance backtest -` tests its own.") { file };
        command.SetAction(async (parsed, cancellation) =>
        {
            var lines = (await ReportVerb.ReadAsync(parsed.GetRequiredValue(file), cancellation)).Split('\n');
            BackTest test;
            try
            {
                test = BackTest.Of(HistoryFile.Read(lines));
            }
            catch (FormatException exception)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, exception.Message, exception);
            }

            output.Print(string.Create(CultureInfo.InvariantCulture, $"{test.Windows} windows{(test.Skipped > 0 ? $", and {test.Skipped} of which too little was known" : "")}."));
            if (test.Windows > 0)
            {
                output.Print(string.Create(CultureInfo.InvariantCulture, $"P90 held for {test.Coverage:0.#} % of them, P50 for {test.HalfCoverage:0.#} %; P90 is {test.Spread:0.00} times P50."));
                output.Print(string.Create(CultureInfo.InvariantCulture, $"P50 was off by {test.MedianError:0.#} % (the median), and by {test.LiveError:0.#} % a quarter into the run, where P90 held for {test.LiveCoverage:0.#} %."));
            }

            output.Message("backtest", ("windows", test.Windows), ("skipped", test.Skipped), ("p90_coverage", test.Windows > 0 ? test.Coverage : null), ("p50_coverage", test.Windows > 0 ? test.HalfCoverage : null), ("p90_over_p50", test.Windows > 0 ? test.Spread : null),
                ("median_error", test.Windows > 0 ? test.MedianError : null), ("live_error", test.Windows > 0 ? test.LiveError : null), ("live_coverage", test.Windows > 0 ? test.LiveCoverage : null));
            return ExitCode.Ok;
        });
        return command;
    }

    private static Command Act(Output output, string verb, string description, Argument<string> window, IReadOnlyList<Symbol> takes, Func<ParseResult, string> query) =>
        AdminCall.Ask(verb, description, [window, .. takes], async (parsed, service, cancellation) =>
            Show(output, await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/windows/{AdminCall.Part(parsed, window)}/{verb}{query(parsed)}", MessageJson.Default.WindowStatus, cancellation)));

    private static async Task<EstimatedWindow> PlanAsync(ServiceClient service, string file, bool isDry, CancellationToken cancellation, int seed = 1)
    {
        var text = await ReportVerb.ReadAsync(file, cancellation);
        return await service.SendOnceAsync(HttpMethod.Post, "/v1/windows", new PlanWindow(text, isDry, seed), MessageJson.Default.PlanWindow, MessageJson.Default.EstimatedWindow, cancellation);
    }

    public static void Show(Output output, EstimatedWindow estimated)
    {
        Show(output, estimated.Estimate, estimated.Window.StartsAt);
        foreach (var proposal in estimated.Proposals ?? [])
        {
            output.Print($"Proposed, which the plan has not: {proposal}");
            output.Message("proposal", ("step", proposal));
        }
    }

    private static void Show(Output output, WindowEstimate estimate, long start)
    {
        foreach (var step in estimate.Steps)
        {
            var why = new List<string>();
            if (step is { VolumeNow: { } now, VolumeThen: { } then, Unit: { } unit })
            {
                why.Add($"{Units.Count((long)now)} {unit} now, {Units.Count((long)then)} then{(step.GrowthPerMonth is { } growth ? string.Create(CultureInfo.InvariantCulture, $" ({growth * 100:+0.#;-0.#;0} % a month)") : "")}");
            }

            if (step is { PerSecond: { } rate, Unit: { } of } && step.VolumeNow is not 1)
            {
                why.Add($"{(rate >= 10 ? Units.Count((long)rate) : rate.ToString("0.##", CultureInfo.InvariantCulture))} {of} a second{(step.Runs > 0 ? $" by {step.Runs} earlier runs" : "")}");
            }
            else if (step is { Unit: not null, Runs: > 0 })
            {
                why.Add($"by {step.Runs} earlier runs");
            }

            if (step.Probes > 0)
            {
                why.Add($"rehearsed {step.Probes} time{(step.Probes == 1 ? "" : "s")} on a part");
            }

            if (step.IsExpected)
            {
                why.Add("as its plan expects");
            }

            if (step.Unknown is { } unknown)
            {
                why.Add(unknown);
            }

            why.AddRange(step.ByThreads.OrderBy(threads => threads.Key).Select(threads => $"{threads.Key} threads: {Span(threads.Value.Half)}"));
            output.Print($"  {step.Name,-20}  {(step.Seconds is { } seconds ? $"{Span(seconds.Half),8}, {Span(seconds.Most),8} at most" : "not known")}{(why.Count > 0 ? $"  {string.Join("; ", why)}" : "")}");
            output.Message("step_estimate", ("name", step.Name), ("kind", step.Kind), ("half_seconds", step.Seconds?.Half), ("most_seconds", step.Seconds?.Most), ("unit", step.Unit), ("volume_now", step.VolumeNow), ("volume_then", step.VolumeThen), ("growth_per_month", step.GrowthPerMonth),
                ("per_second", step.PerSecond), ("runs", step.Runs), ("probes", step.Probes), ("is_expected", step.IsExpected), ("unknown", step.Unknown),
                ("half_seconds_by_threads", new JsonObject(step.ByThreads.OrderBy(threads => threads.Key).Select(threads => KeyValuePair.Create(threads.Key.ToString(CultureInfo.InvariantCulture), (JsonNode?)threads.Value.Half)))));
        }

        output.Print($"Services are back after {Span(estimate.Back.Half)}; nine times in ten within {Span(estimate.Back.Most)}, by {AdminVerb.At(start + (long)estimate.Back.Most)}.");
        output.Print($"Everyone is caught up after {Span(estimate.CaughtUp.Half)}; nine times in ten within {Span(estimate.CaughtUp.Most)}, by {AdminVerb.At(start + (long)estimate.CaughtUp.Most)}.");
        if (estimate.Unknown.Count > 0)
        {
            output.Print($"That counts nothing for {string.Join(", ", estimate.Unknown)}, of which it is not known how long they take: it is no promise.");
        }

        output.Message("window_estimate", ("back_half_seconds", estimate.Back.Half), ("back_most_seconds", estimate.Back.Most), ("caught_up_half_seconds", estimate.CaughtUp.Half), ("caught_up_most_seconds", estimate.CaughtUp.Most), ("unknown", string.Join(' ', estimate.Unknown)));
    }

    private static void Show(Output output, WindowStatus window)
    {
        output.Print($"{window.Name}: {window.State.Replace('_', ' ')}; begins {AdminVerb.At(window.StartedAt ?? window.StartsAt)}.");
        if (window is { BackBy: { } back, CaughtUpBy: { } caughtUp })
        {
            output.Print($"Promised: services back by {AdminVerb.At(back)}, everyone caught up by {AdminVerb.At(caughtUp)}{(window.IsForced ? " (less than the estimate)" : "")}.{(window.FirstBackBy is { } first && first != back ? $" Promised first: {AdminVerb.At(first)}." : "")}");
        }

        if (window is { StartedAt: not null, EndedAt: null, LiveBackBy: { } liveBack, LiveCaughtUpBy: { } liveCaughtUp })
        {
            output.Print($"{(window.BackAt is { } at ? $"Services were back at {AdminVerb.At(at)}" : $"By what is known now services are back by {AdminVerb.At(liveBack)}")}, everyone is caught up by {AdminVerb.At(liveCaughtUp)}.");
        }

        foreach (var step in window.Steps)
        {
            output.Print($"  {step.Name,-20}  {step.State,-8}{(step is { State: "running", Share: { } share } ? string.Create(CultureInfo.InvariantCulture, $" {share * 100:0} %") : "")}  {step.Detail}".TrimEnd());
        }

        if (window.Probes.Tried > 0)
        {
            output.Print($"Restores and sign-ins: {window.Probes.Tried - window.Probes.Failed} of {window.Probes.Tried} worked; the slowest took {window.Probes.WorstMilliseconds} ms.");
        }

        if (window.Failure is { } failure)
        {
            output.Print($"It does not go on: {failure}");
        }

        Tell(output, window);
    }

    private static void Tell(Output output, WindowStatus window) => output.Message("window", ("window", window.Id), ("name", window.Name), ("state", window.State), ("starts_at", window.StartsAt), ("back_by", window.BackBy), ("caught_up_by", window.CaughtUpBy), ("is_forced", window.IsForced),
        ("started_at", window.StartedAt), ("back_at", window.BackAt), ("ended_at", window.EndedAt), ("live_back_by", window.LiveBackBy), ("live_caught_up_by", window.LiveCaughtUpBy), ("probes", window.Probes.Tried), ("probes_failed", window.Probes.Failed),
        ("step", window.Steps.FirstOrDefault(step => step.State is "running" or "failed")?.Name), ("failure", window.Failure));

    public static string Span(double seconds) => seconds switch
    {
        < 120 => string.Create(CultureInfo.InvariantCulture, $"{seconds:0} s"),
        < 7200 => string.Create(CultureInfo.InvariantCulture, $"{seconds / 60:0} min"),
        _ => string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600:0.#} h"),
    };
}
