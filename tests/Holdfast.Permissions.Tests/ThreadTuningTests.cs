using Holdfast.Permissions.Applying;

namespace Holdfast.Permissions.Tests;

/// <summary>How many threads are used, under rates that are known.</summary>
public sealed class ThreadTuningTests
{
    [Theory]
    [InlineData(2)]
    [InlineData(8)]
    [InlineData(20)]
    public void Finds_how_many_pay(int knee)
    {
        var tuning = new ThreadTuning(2);
        var used = Run(tuning, threads => Math.Min(threads, knee), 20, 400);
        // Most of the time what pays is used, and no more than it.
        Assert.InRange(used.TakeLast(300).Average(threads => Math.Min(threads, knee) / (double)knee), 0.85, 1);
        Assert.InRange(used.TakeLast(300).Average(), 0.8 * knee, knee + 4);
    }

    [Fact]
    public void Goes_back_to_one_where_more_are_slower()
    {
        var tuning = new ThreadTuning(8);
        var used = Run(tuning, threads => 1.0 / threads, 20, 200);
        Assert.InRange(used.TakeLast(100).Average(), 1, 1.2);
    }

    /// <summary>Where nothing helps, the trials cost next to nothing: twenty allowed threads are never slower than one.</summary>
    [Fact]
    public void Loses_little_by_looking()
    {
        var tuning = new ThreadTuning(2);
        double Rate(int threads) => 1 / (1 + (0.1 * (threads - 1)));
        Assert.InRange(Run(tuning, Rate, 20, 400).Average(Rate), 0.93, 1);
    }

    [Fact]
    public void Never_uses_more_than_allowed_now()
    {
        var tuning = new ThreadTuning(4);
        _ = Run(tuning, threads => threads, 20, 50);
        tuning.Measured(1, 3);
        foreach (var threads in Run(tuning, threads => threads, 3, 50))
        {
            Assert.InRange(threads, 1, 3);
        }

        tuning.Retreat();
        Assert.Equal(1, tuning.Threads);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(21)]
    [InlineData(-1)]
    [InlineData(256)]
    public void Too_many_or_none_is_an_error_that_says_why(int threads)
    {
        var exception = Assert.Throws<PermissionException>(() => new ThreadLimit(threads));
        Assert.Contains("from 1 to 20", exception.Message, StringComparison.Ordinal);
        Assert.Contains("journal", exception.Message, StringComparison.Ordinal);
    }

    private static List<int> Run(ThreadTuning tuning, Func<int, double> rate, int most, int windows)
    {
        var used = new List<int>();
        for (var window = 0; window < windows; window++)
        {
            used.Add(tuning.Threads);
            tuning.Measured(rate(tuning.Threads), most);
        }

        return used;
    }
}
