using CsCheck;

namespace Holdfast.Admission.Tests;

public sealed class TokenBucketTests
{
    [Fact]
    public void Whoever_waits_as_told_never_passes_more_than_the_rate_and_a_burst_and_gets_all_of_it() =>
        Gen.Select(Gen.Double[1, 1e9], Gen.Double[1, 1e9], Gen.Select(Gen.Long[0, 1 << 26], Gen.Int[0, 5000]).Array[1, 100]).Sample((rate, burst, steps) =>
        {
            var time = new ManualTime();
            var bucket = new TokenBucket(rate, burst, time);
            var (passed, elapsed, largest) = (0.0, TimeSpan.Zero, 0L);
            foreach (var (units, pause) in steps)
            {
                var wait = bucket.Take(units);
                elapsed += wait + TimeSpan.FromMilliseconds(pause);
                time.Advance(wait + TimeSpan.FromMilliseconds(pause));
                (passed, largest) = (passed + units, Math.Max(largest, units));
                Assert.True(passed <= ((elapsed.TotalSeconds * rate) + burst) * (1 + 1e-6) + largest, $"{passed} in {elapsed}");
            }

            // Nobody waits for more than what they owe.
            Assert.True(elapsed <= TimeSpan.FromSeconds((passed / rate * (1 + 1e-6)) + steps.Sum(step => step.Item2 / 1000.0) + 0.001));
        });

    [Fact]
    public void A_rate_can_change_and_what_was_not_used_comes_back()
    {
        var time = new ManualTime();
        var bucket = new TokenBucket(100, 100, time);
        Assert.Equal(TimeSpan.FromSeconds(1), bucket.Take(200));
        bucket.Change(10, 10);
        Assert.Equal(TimeSpan.FromSeconds(11), bucket.Take(10));
        bucket.Return(110);
        Assert.Equal(TimeSpan.Zero, bucket.Take(0));
        time.Advance(TimeSpan.FromDays(1));
        Assert.Equal(TimeSpan.Zero, bucket.Take(10));
        Assert.Equal(TimeSpan.FromSeconds(0.1), bucket.Take(1));
    }

    [Fact]
    public void Nonsense_is_refused_and_the_absurd_is_bounded()
    {
        var bucket = new TokenBucket(1, 1, new ManualTime());
        Assert.Throws<ArgumentOutOfRangeException>(() => bucket.Take(-1));
        Assert.Throws<ArgumentOutOfRangeException>(() => bucket.Return(-1));
        foreach (var wrong in new[] { 0, -1, double.NaN, double.PositiveInfinity })
        {
            Assert.Throws<ArgumentOutOfRangeException>(() => new TokenBucket(wrong, 1, new ManualTime()));
            Assert.Throws<ArgumentOutOfRangeException>(() => bucket.Change(1, wrong));
        }

        Assert.True(bucket.Take(long.MaxValue) > TimeSpan.FromDays(1000));
        Assert.True(bucket.Take(long.MaxValue) > TimeSpan.FromDays(1000));
    }
}
