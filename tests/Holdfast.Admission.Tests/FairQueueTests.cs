using CsCheck;

namespace Holdfast.Admission.Tests;

public sealed class FairQueueTests
{
    private static readonly Gen<(WorkClass Class, int Account, long Cost)> _work =
        Gen.Select(Gen.Int[0, 4].Select(number => (WorkClass)number), Gen.Int[0, 5], Gen.OneOf(Gen.Long[1, 100 << 20], Gen.Const(long.MaxValue), Gen.Const(-1L), Gen.Const(0L)));

    [Fact]
    public void What_goes_in_comes_out_once_in_the_order_of_classes_or_is_refused_or_shed() => Gen.Select(_work.Array[0, 200], Gen.Int[1, 60]).Sample((works, capacity) =>
    {
        var queue = new FairQueue<int, int>(capacity, _ => true);
        var (refused, shed, taken) = (new HashSet<int>(), new HashSet<int>(), new List<(WorkClass Class, int Number)>());
        for (var number = 0; number < works.Length; number++)
        {
            var before = queue.Count;
            if (!queue.TryAdd(works[number].Class, works[number].Account, works[number].Cost, number + 1, out var other))
            {
                Assert.Equal((before, 0), (queue.Count, other));
                Assert.True(refused.Add(number + 1));
            }
            else if (other != 0)
            {
                // Only for work that goes first, and only where there was no room.
                Assert.True(before == capacity && works[other - 1].Class > works[number].Class);
                Assert.True(shed.Add(other));
            }

            Assert.True(queue.Count <= capacity);
        }

        while (queue.TryTake(WorkClass.Background, out var next))
        {
            Assert.Equal((works[next.Work - 1].Class, works[next.Work - 1].Account), (next.Class, next.Account));
            taken.Add((next.Class, next.Work));
        }

        Assert.Equal(taken.Select(item => item.Class).Order(), taken.Select(item => item.Class));
        Assert.Equal(Enumerable.Range(1, works.Length), refused.Concat(shed).Concat(taken.Select(item => item.Number)).Order());
        Assert.Equal(0, queue.Count);

        // One customer's work of a class stays in the order in which it was asked for.
        foreach (var own in taken.GroupBy(item => (item.Class, works[item.Number - 1].Account)))
        {
            Assert.Equal(own.Select(item => item.Number).Order(), own.Select(item => item.Number));
        }
    });

    [Fact]
    public void While_two_accounts_wait_neither_gets_more_than_its_share() => Gen.Select(Gen.Long[1, 16 << 20].Array[50, 200], Gen.Long[1, 16 << 20].Array[50, 200]).Sample((large, small) =>
    {
        var queue = new FairQueue<string, long>(10_000, _ => true);
        foreach (var (account, costs) in new[] { ("a", large), ("b", small) })
        {
            foreach (var cost in costs)
            {
                Assert.True(queue.TryAdd(WorkClass.Backup, account, cost, cost, out _));
            }
        }

        var (got, left) = (new Dictionary<string, long> { ["a"] = 0, ["b"] = 0 }, new Dictionary<string, int> { ["a"] = large.Length, ["b"] = small.Length });
        var bound = FairQueue<string, long>.Quantum + (2 * Math.Max(large.Max(), small.Max()));
        while (left.Values.All(count => count > 0) && queue.TryTake(WorkClass.Backup, out var next))
        {
            got[next.Account] += next.Work;
            left[next.Account]--;
            Assert.True(Math.Abs(got["a"] - got["b"]) <= bound, $"{got["a"]} and {got["b"]}");
        }
    });

    [Fact]
    public void Shares_follow_weights()
    {
        var queue = new FairQueue<string, string>(100_000, _ => true, account => account == "heavy" ? 4 : 1);
        for (var i = 0; i < 4000; i++)
        {
            Assert.True(queue.TryAdd(WorkClass.Backup, "heavy", 1 << 20, "", out _) & queue.TryAdd(WorkClass.Backup, "light", 1 << 20, "", out _));
        }

        var taken = Enumerable.Range(0, 4000).Select(_ => queue.TryTake(WorkClass.Backup, out var next) ? next.Account : "").ToList();
        Assert.InRange(taken.Count(account => account == "heavy"), 3180, 3220);
    }

    [Fact]
    public void A_flood_of_one_customer_leaves_room_for_others_and_for_what_goes_first()
    {
        var queue = new FairQueue<string, string>(1000, _ => true);
        var accepted = Enumerable.Range(0, 100_000).Count(i => queue.TryAdd(WorkClass.Backup, "flood", 1, "flood", out _));
        Assert.Equal(500, accepted);
        Assert.True(queue.TryAdd(WorkClass.Backup, "other", 1, "other", out _));
        var restores = 0;
        for (var account = 0; account < 999; account++)
        {
            Assert.True(queue.TryAdd(WorkClass.Restore, $"{account}", 1, "restore", out _));
            restores++;
        }

        Assert.Equal(1000, queue.Count);
        for (; restores > 0; restores--)
        {
            Assert.True(queue.TryTake(WorkClass.Background, out var next));
            Assert.Equal(WorkClass.Restore, next.Class);
        }
    }

    [Fact]
    public void Work_that_nobody_waits_for_is_dropped()
    {
        var gone = new HashSet<int> { 1, 3 };
        var queue = new FairQueue<string, int>(10, work => !gone.Contains(work));
        for (var number = 1; number <= 4; number++)
        {
            Assert.True(queue.TryAdd(WorkClass.Backup, "a", 1, number, out _));
        }

        Assert.True(queue.TryTake(WorkClass.Backup, out var first) & queue.TryTake(WorkClass.Backup, out var second));
        Assert.Equal((2, 4, 2L), (first.Work, second.Work, queue.Dropped));
        Assert.False(queue.TryTake(WorkClass.Backup, out _));
    }

    [Fact]
    public void Classes_that_may_not_begin_wait()
    {
        var queue = new FairQueue<string, string>(10, _ => true);
        Assert.True(queue.TryAdd(WorkClass.Backup, "a", 1, "backup", out _));
        Assert.False(queue.TryTake(WorkClass.Interactive, out _));
        Assert.True(queue.TryAdd(WorkClass.Restore, "a", 1, "restore", out _));
        Assert.True(queue.TryTake(WorkClass.Interactive, out var next));
        Assert.Equal("restore", next.Work);
        Assert.Equal(1, queue.Count);
    }

    [Fact]
    public void What_is_taken_out_leaves_its_room_and_nothing_else_changes()
    {
        var queue = new FairQueue<string, int>(8, _ => true);
        for (var work = 0; work < 3; work++)
        {
            Assert.True(queue.TryAdd(WorkClass.Backup, "a", 1, work, out _));
        }

        Assert.True(queue.TryAdd(WorkClass.Backup, "b", 1, 10, out _));
        Assert.True(queue.TryRemove(WorkClass.Backup, "a", 1));
        Assert.False(queue.TryRemove(WorkClass.Backup, "a", 1));
        Assert.False(queue.TryRemove(WorkClass.Backup, "c", 1));
        Assert.False(queue.TryRemove(WorkClass.Restore, "b", 10));
        Assert.True(queue.TryRemove(WorkClass.Backup, "b", 10));
        Assert.Equal((2, 2L), (queue.Count, queue.Dropped));
        var left = new List<int>();
        while (queue.TryTake(WorkClass.Background, out var next))
        {
            left.Add(next.Work);
        }

        Assert.Equal([0, 2], left);
    }
}
