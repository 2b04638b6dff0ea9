using System.Globalization;
using Holdfast.Maintenance.Planning;

namespace Holdfast.Maintenance.Tests.Planning;

/// <summary>Plans in YAML: what they say, and what is wrong with them, and where.</summary>
public sealed class WindowPlanTests
{
    private const string Head = "name: New server\nstart: 2026-12-05T21:00+01:00\n";

    private static readonly Dictionary<string, IReadOnlyCollection<string>> _kinds = new()
    {
        ["gate"] = ["wait", "reason"], ["migrate"] = ["target", "accounts", "at_once"], ["verify"] = [], ["run"] = ["command", "timeout"],
    };

    [Fact]
    public void A_plan_is_read_with_its_steps_in_the_order_in_which_they_run()
    {
        var plan = WindowPlan.Parse(Head + """
            message: >-
              Restores work
              all the time.
            steps:
              - verify: { after: [move, vacuum] }
              - gate
              - migrate: { name: move, target: second, accounts: [one, two words], at_once: 8, after: gate }
              - run:
                  name: vacuum
                  command: vacuum
                  timeout: 90m
                  after: move
            """, _kinds);
        Assert.Equal(("New server", "Restores work all the time."), (plan.Name, plan.Message));
        Assert.Equal(new DateTimeOffset(2026, 12, 5, 20, 0, 0, TimeSpan.Zero), plan.Start);
        Assert.Equal(["gate", "move", "vacuum", "verify"], plan.Steps.Select(step => step.Name));
        Assert.Equal(("one\ntwo words", 8, TimeSpan.FromMinutes(90)), (plan.Steps[1].Find("accounts"), plan.Steps[1].FindNumber("at_once", 1, 16), plan.Steps[2].FindTime("timeout")));
    }

    [Theory]
    [InlineData("", "Line")]
    [InlineData("hello", "A plan is")]
    [InlineData("- a\n- b", "A plan is")]
    [InlineData("name: x", "`start`")]
    [InlineData("name: x\nstart: tomorrow\nsteps: [gate]", "not `tomorrow`")]
    [InlineData("name: x\nstart: 2026-12-05T20:00\nsteps: [gate]", "with its zone")]
    [InlineData("name: x\nstart: 2026-13-05T20:00Z\nsteps: [gate]", "`start`")]
    [InlineData("name: x\nname: y", "twice")]
    [InlineData("start: 2026-12-05T20:00Z\nsteps: [gate]", "`name`")]
    [InlineData("name: \"a\\nb\"\nstart: 2026-12-05T20:00Z\nsteps: [gate]", "`name`")]
    [InlineData(Head + "end: never\nsteps: [gate]", "no `end`")]
    [InlineData(Head + "steps: []", "1 to 50 steps")]
    [InlineData(Head + "steps: [explode]", "no kind of step called `explode`: there are gate, migrate, run, verify")]
    [InlineData(Head + "steps:\n  - gate: { until: noon }", "has `until`, which gate knows nothing of")]
    [InlineData(Head + "steps:\n  - gate: { wait: 1s, wait: 2s }", "twice")]
    [InlineData(Head + "steps:\n  - gate: { wait: { a: b } }", "Line 4")]
    [InlineData(Head + "steps:\n  - gate: now", "`key: value`")]
    [InlineData(Head + "steps:\n  - gate: {}\n    verify: {}", "has another one inside")]
    [InlineData(Head + "steps: [gate, gate]", "Two steps are called `gate`")]
    [InlineData(Head + "steps:\n  - gate: { name: \"a b\" }", "up to 40 letters")]
    [InlineData(Head + "steps:\n  - gate: { after: none }", "no such step")]
    [InlineData(Head + "steps:\n  - gate: { after: verify }\n  - verify: { after: gate }", "wait for each other: gate, verify")]
    [InlineData(Head + "steps:\n  - gate: { after: gate }", "wait for each other: gate")]
    [InlineData(Head + "steps: &a [gate]", "list")]
    [InlineData(Head + "steps:\n  - *a", "Line 4")]
    [InlineData(Head + "steps: !!binary x", "list")]
    [InlineData(Head + "steps: [gate]\n---\nname: y", "Line")]
    [InlineData(Head + "\tsteps: [gate]", "Line")]
    public void What_is_wrong_is_said(string yaml, string says) => Assert.Contains(says, Assert.Throws<WindowPlanException>(() => WindowPlan.Parse(yaml, _kinds)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("0s")]
    [InlineData("90")]
    [InlineData("s")]
    [InlineData("-5m")]
    [InlineData("9999999d")]
    [InlineData("1.5h")]
    public void Times_are_a_number_and_a_unit(string time)
    {
        var step = WindowPlan.Parse(Head + $"steps:\n  - gate: {{ wait: \"{time}\" }}", _kinds).Steps[0];
        Assert.Contains("such as 90s", Assert.Throws<WindowPlanException>(() => step.FindTime("wait")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Neither_depth_nor_length_costs_more_than_a_refusal()
    {
        foreach (var yaml in new[] { new string('[', WindowPlan.LengthMax), Head + "steps: " + new string('[', 60_000), Head + "steps:\n" + new string('-', 30_000), string.Concat(Enumerable.Repeat("{a: ", 16_000)), new string('a', WindowPlan.LengthMax + 1) })
        {
            Assert.Throws<WindowPlanException>(() => WindowPlan.Parse(yaml, _kinds));
        }
    }

    /// <summary>A plan that is mangled is another plan or refused, and never anything else.</summary>
    [Fact]
    public void Mangled_plans_are_read_or_refused()
    {
        var plan = Head + "message: |\n  Two\n  lines\nsteps:\n  - gate: { wait: 10m, reason: 'it''s' }\n  - migrate: { target: second, accounts: [a, b], after: gate }\n  - run: { command: \"x\\ty\", timeout: 1h }\n  - verify\n";
        const string Odd = "[]{}:,-&*!|>'\"%@`#?\n\t\\ ~\0\u00e4\ud800~";
        var seed = int.Parse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SEED") ?? "1", CultureInfo.InvariantCulture);
        var seconds = int.Parse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SECONDS") ?? "2", CultureInfo.InvariantCulture);
        var (random, began) = (new Random(seed), TimeProvider.System.GetTimestamp());
        for (var round = 0; TimeProvider.System.GetElapsedTime(began).TotalSeconds < seconds; round++)
        {
            var text = plan.ToCharArray().ToList();
            for (var change = random.Next(1, 12); change > 0; change--)
            {
                var at = random.Next(text.Count);
                switch (random.Next(4))
                {
                    case 0: text.RemoveAt(at); break;
                    case 1: text.Insert(at, Odd[random.Next(Odd.Length)]); break;
                    case 2: text[at] = Odd[random.Next(Odd.Length)]; break;
                    default: text.InsertRange(at, text.Skip(random.Next(text.Count)).Take(random.Next(30)).ToList()); break;
                }
            }

            try
            {
                Assert.NotEmpty(WindowPlan.Parse(new string([.. text]), _kinds).Steps);
            }
            catch (WindowPlanException exception)
            {
                Assert.NotEmpty(exception.Message);
            }
            catch (Exception exception) when (exception is not Xunit.Sdk.XunitException)
            {
                Assert.Fail($"seed {seed}, round {round}: {exception}");
            }
        }
    }
}
