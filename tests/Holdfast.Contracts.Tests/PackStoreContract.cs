using Holdfast.Format.Objects;
using Holdfast.Pods.Storing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Contracts.Tests;

/// <summary>What every engine of a pod must do. A new engine inherits this class.</summary>
public abstract class PackStoreContract
{
    private static readonly AccountId _account = AccountId.Parse("0f0e0d0c0b0a09080706050403020100");

    private protected ManualTime Time { get; } = new();

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected static TimeSpan Grace => TimeSpan.FromHours(24);

    private protected abstract IPackStore Store { get; }

    [Fact]
    public async Task What_was_put_is_read_in_any_range()
    {
        var content = Content(1, 300_001);
        Assert.Equal(PutOutcome.Stored, await Store.PutAsync(Name(1), content, Cancellation));
        Assert.Equal(300_001, (await Store.FindAsync(Name(1), Cancellation))!.Value.Length);
        foreach (var (offset, length) in new[] { (0, 300_001), (0, 1), (300_000, 1), (65_535, 2), (65_536, 65_536), (100, 200_000), (0, 0) })
        {
            var read = new byte[length];
            await Store.ReadAsync(Name(1), offset, read, Cancellation);
            Assert.Equal(content[offset..(offset + length)], read);
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(20_000_000)]
    public async Task Objects_of_any_length_come_back(int length)
    {
        var content = Content(length, length);
        await Store.PutAsync(Name((ulong)length), content, Cancellation);
        Assert.Equal(length, (await Store.FindAsync(Name((ulong)length), Cancellation))!.Value.Length);
        var read = new byte[length];
        await Store.ReadAsync(Name((ulong)length), 0, read, Cancellation);
        Assert.True(content.AsSpan().SequenceEqual(read));
    }

    [Fact]
    public async Task A_name_is_written_once()
    {
        var content = Content(1, 1000);
        await Store.PutAsync(Name(2), content, Cancellation);
        Assert.Equal(PutOutcome.AlreadyThere, await Store.PutAsync(Name(2), content, Cancellation));
        foreach (var other in new[] { Content(2, 1000), content[..999], [.. content, 0] })
        {
            var failure = await Assert.ThrowsAsync<HoldfastException>(() => Store.PutAsync(Name(2), other, Cancellation));
            Assert.Equal(FailureTable.ObjectExists, failure.Kind);
        }

        var read = new byte[1000];
        await Store.ReadAsync(Name(2), 0, read, Cancellation);
        Assert.Equal(content, read);
    }

    [Fact]
    public async Task Puts_of_one_name_at_once_end_as_one_after_the_other()
    {
        var contents = Enumerable.Range(0, 8).Select(i => Content(i % 2, 50_000)).ToList();
        var outcomes = await Task.WhenAll(contents.Select(content => Task.Run(async () =>
        {
            try
            {
                return (await Store.PutAsync(Name(3), content, Cancellation)).ToString();
            }
            catch (HoldfastException exception)
            {
                return exception.Kind.Code;
            }
        })));
        Assert.Single(outcomes, nameof(PutOutcome.Stored));
        Assert.Equal(3, outcomes.Count(outcome => outcome == nameof(PutOutcome.AlreadyThere)));
        Assert.Equal(4, outcomes.Count(outcome => outcome == "object_exists"));
    }

    [Fact]
    public async Task What_is_not_there_is_not_found()
    {
        Assert.Null(await Store.FindAsync(Name(99), Cancellation));
        Assert.Equal(FailureTable.NotFound, (await Assert.ThrowsAsync<HoldfastException>(() => Store.ReadAsync(Name(99), 0, new byte[1], Cancellation))).Kind);
        Assert.Equal(FailureTable.NotFound, (await Assert.ThrowsAsync<HoldfastException>(() => Store.CondemnAsync(Name(99), Cancellation))).Kind);
        await Store.DeleteAsync(Name(99), Cancellation);
    }

    [Fact]
    public async Task Everything_is_listed_in_order_from_any_name_on()
    {
        ObjectName[] names = [Name(10), Name(11), Name(5000), new(_account, ObjectSpace.Heads, 10), new(new AccountId(new byte[16]), ObjectSpace.Numbered, 10)];
        foreach (var name in names)
        {
            await Store.PutAsync(name, Content(1, 10), Cancellation);
        }

        ObjectName[] ordered = [names[4], .. names[..4]];
        Assert.Equal(ordered, (await ListAsync(null)).Select(item => item.Name));
        for (var i = 0; i < ordered.Length; i++)
        {
            Assert.Equal(ordered[(i + 1)..], (await ListAsync(ordered[i])).Select(item => item.Name));
        }

        Assert.Equal(names[3..4], (await ListAsync(ObjectName.EndOf(_account, ObjectSpace.Numbered))).Select(item => item.Name));
        Assert.Equal(names[1..4], (await ListAsync(Name(10))).Select(item => item.Name));
        Assert.All(await ListAsync(null), item => Assert.Equal(10, item.Length));
    }

    [Fact]
    public async Task Condemning_hides_nothing_and_can_be_taken_back()
    {
        await Store.PutAsync(Name(20), Content(1, 100), Cancellation);
        await Store.CondemnAsync(Name(20), Cancellation);
        var condemned = Time.GetUtcNow();
        Assert.Equal(condemned, (await Store.FindAsync(Name(20), Cancellation))!.Value.StoredAt);
        Time.Advance(TimeSpan.FromHours(1));
        await Store.CondemnAsync(Name(20), Cancellation);
        Assert.Equal(condemned, (await Store.FindAsync(Name(20), Cancellation))!.Value.CondemnedAt);
        await Store.ReadAsync(Name(20), 0, new byte[100], Cancellation);
        await Store.ReviveAsync(Name(20), Cancellation);
        Assert.Null((await Store.FindAsync(Name(20), Cancellation))!.Value.CondemnedAt);
    }

    [Fact]
    public async Task Nothing_is_deleted_before_it_was_condemned_and_its_grace_has_passed()
    {
        await Store.PutAsync(Name(21), Content(1, 100), Cancellation);
        await Assert.ThrowsAsync<HoldfastException>(() => Store.DeleteAsync(Name(21), Cancellation));
        await Store.CondemnAsync(Name(21), Cancellation);
        Time.Advance(Grace - TimeSpan.FromSeconds(1));
        await Assert.ThrowsAsync<HoldfastException>(() => Store.DeleteAsync(Name(21), Cancellation));
        Assert.NotNull(await Store.FindAsync(Name(21), Cancellation));
        Time.Advance(TimeSpan.FromSeconds(1));
        await Store.DeleteAsync(Name(21), Cancellation);
        await Store.DeleteAsync(Name(21), Cancellation);
        Assert.Null(await Store.FindAsync(Name(21), Cancellation));
        Assert.Empty(await ListAsync(null));
    }

    [Fact]
    public async Task Of_a_closed_account_nothing_is_found_and_nothing_is_taken()
    {
        var other = AccountId.Parse("1f0e0d0c0b0a09080706050403020100");
        ObjectName[] own = [Name(30), new(_account, ObjectSpace.Heads, 1), new(_account, ObjectSpace.Log, 1), new(_account, ObjectSpace.Keyrings, 1)];
        var kept = new ObjectName(other, ObjectSpace.Keyrings, 1);
        foreach (var name in own.Append(kept))
        {
            await Store.PutAsync(name, Content(1, 2_000_000), Cancellation);
        }

        Assert.Empty(Store.ListClosed(null, 10));
        var closed = Time.GetUtcNow();
        Assert.Equal((_account, closed), await CloseAsync());
        foreach (var name in own)
        {
            Assert.Null(await Store.FindAsync(name, Cancellation));
            Assert.Equal(FailureTable.NotFound, (await Assert.ThrowsAsync<HoldfastException>(() => Store.ReadAsync(name, 0, new byte[1], Cancellation))).Kind);
            Assert.Equal(FailureTable.AccountClosed, (await Assert.ThrowsAsync<HoldfastException>(() => Store.PutAsync(name, Content(1, 2_000_000), Cancellation))).Kind);
        }

        Assert.Equal([kept], (await ListAsync(null)).Select(item => item.Name));
        Time.Advance(TimeSpan.FromHours(1));
        Assert.Equal((_account, closed), await CloseAsync());
        await Store.CloseAsync(other, Cancellation);
        Assert.Equal([_account, other], Store.ListClosed(null, 10).Select(closure => closure.Account));
        Assert.Equal([_account], Store.ListClosed(null, 1).Select(closure => closure.Account));
        Assert.Equal([other], Store.ListClosed(_account, 10).Select(closure => closure.Account));
        Assert.Empty(await ListAsync(null));

        async Task<(AccountId, DateTimeOffset)> CloseAsync() => (await Store.CloseAsync(_account, Cancellation)) is var closure ? (closure.Account, closure.ClosedAt) : default;
    }

    protected static byte[] Content(int seed, int length)
    {
        var bytes = new byte[length];
        new Random(seed).NextBytes(bytes);
        return bytes;
    }

    protected static ObjectName Name(ulong number) => new(_account, ObjectSpace.Numbered, number);

    private async Task<List<StoredItem>> ListAsync(ObjectName? after)
    {
        var items = new List<StoredItem>();
        await foreach (var item in Store.ListAsync(after, Cancellation))
        {
            items.Add(item);
        }

        return items;
    }
}
