using Holdfast.Maintenance.Rehearsing;

namespace Holdfast.Maintenance.Tests.Rehearsing;

/// <summary>Everybody's return, played through.</summary>
public sealed class ReturnRehearsalTests
{
    /// <summary>Few computers may have drawn less than the mean.</summary>
    private const double Likely = 0.4;

    [Theory]
    [InlineData(3, 1e3, 1e3)]
    [InlineData(50, 1e6, 1e6)]
    [InlineData(50, 300e6, 0.2e6)]
    [InlineData(1000, 300e6, 5e6)]
    [InlineData(1000, 300e6, 500e6)]
    public void Small_services_and_slow_ones_come_back_too(int computers, double perDay, double perSecond)
    {
        var service = new ServiceNumbers(computers, perDay, perSecond);
        var returns = ReturnRehearsal.Of(service, TimeSpan.FromHours(1), TimeSpan.FromHours(2), seed: 3).ToList();
        Assert.Equal(returns, ReturnRehearsal.Of(service, TimeSpan.FromHours(1), TimeSpan.FromHours(2), seed: 3));
        Assert.Equal([1, 2, 2], returns.Select(one => (int)one.Away.TotalHours));
        foreach (var one in returns)
        {
            // Nobody is caught up before the service could have taken in what all of them have.
            var least = perDay * computers * ((one.Away.TotalHours / 24) + 0.5) / perSecond;
            Assert.True(double.IsFinite(one.After.All) && one.After.Half <= one.After.NineTenths && one.After.NineTenths <= one.After.All && !one.HasCollapsed, $"{one}");
            Assert.True(one.After.All > Likely * least, $"{one}: {least}");
        }
    }
}
