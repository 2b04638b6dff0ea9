using System.Globalization;

namespace Holdfast.Simulation.Tests;

/// <summary>An account moves between three stores while it is written to and read, and whoever takes part is killed at any step: nothing that was acknowledged is lost, doubled, or on the wrong side.</summary>
public sealed class MoveTests
{
    private static int Seeds => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 20_000 : 2_000;

    [Fact]
    public void Nothing_is_lost_doubled_or_on_the_wrong_side_whatever_is_killed()
    {
        var (writes, reads, decisions, returns, steps) = (0L, 0L, 0L, 0L, 0L);
        for (var seed = 0; seed < Seeds; seed++)
        {
            var world = Play(seed, Weakness.None);
            Assert.True(world.Violations.Count == 0, string.Create(CultureInfo.InvariantCulture, $"seed {seed}:\n{string.Join('\n', world.Violations)}"));
            (writes, reads, decisions, returns, steps) = (writes + world.Writes, reads + world.Reads, decisions + world.Decisions, returns + world.Returns, steps + world.Scheduler.Steps);
        }

        // The histories are worth something: homes change, ways back are gone, and clients come through all the while.
        TestContext.Current.TestOutputHelper?.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Seeds} histories, {steps} steps, {decisions} moves decided, {returns} ways back, {writes} writes, {reads} reads"));
        Assert.True(decisions > Seeds, $"{decisions} moves");
        Assert.True(returns > Seeds / 10, $"{returns} ways back");
        Assert.True(writes > 50L * Seeds && reads > 50L * Seeds, $"{writes} writes, {reads} reads");
    }

    [Fact]
    public void The_same_seed_is_the_same_history()
    {
        var (one, other) = (Play(17, Weakness.None), Play(17, Weakness.None));
        Assert.Equal((one.Scheduler.Steps, one.Writes, one.Decisions), (other.Scheduler.Steps, other.Writes, other.Decisions));
    }

    /// <summary>Each rule, switched off by itself (with the digests where those would notice first), is missed.</summary>
    [Theory]
    [InlineData((int)(Weakness.FenceForgetsWriters | Weakness.NoDigest))]
    [InlineData((int)(Weakness.ThawsAtTheSameEpoch | Weakness.NoDigest))]
    [InlineData((int)(Weakness.DecidesUnchecked | Weakness.NoDigest))]
    [InlineData((int)(Weakness.TakesAnybodysRows | Weakness.NoDigest))]
    [InlineData((int)(Weakness.DeletesWithoutTrace | Weakness.NoDigest))]
    [InlineData((int)(Weakness.RetiresUnchecked | Weakness.NoDigest))]
    [InlineData((int)(Weakness.NumbersAnew | Weakness.NoDigest))]
    [InlineData((int)(Weakness.CountersAnew | Weakness.NoDigest))]
    [InlineData((int)(Weakness.ReadsVersionsInPart | Weakness.NoDigest))]
    [InlineData((int)(Weakness.RetireForgets | Weakness.NoDigest))]
    public void Without_one_of_its_rules_it_goes_wrong(int weakness)
    {
        for (var seed = 0; seed < 5_000; seed++)
        {
            if (Play(seed, (Weakness)weakness).Violations.Count > 0)
            {
                return;
            }
        }

        Assert.Fail($"{(Weakness)weakness} was not noticed.");
    }

    /// <summary>On a thread without a context: each continuation runs where the scheduler lets it.</summary>
    private static World Play(int seed, Weakness weakness)
    {
        var world = new World(seed, weakness);
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(null);
        try
        {
            world.Run();
        }
        finally
        {
            SynchronizationContext.SetSynchronizationContext(context);
        }

        return world;
    }
}
