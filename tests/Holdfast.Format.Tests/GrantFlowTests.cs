using System.Buffers.Text;
using CsCheck;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;

namespace Holdfast.Format.Tests;

public sealed class GrantFlowTests
{
    [Fact]
    public void A_grant_says_how_fast_and_how_much_at_once() => Gen.Select(Gen.Long[0, GrantFlow.RateMax], Gen.OneOf(Gen.Const(0L), Gen.Long[0, GrantFlow.RateMax]), Gen.Long[0, GrantFlow.RateMax], Gen.Int[0, 255], Gen.Int[0, 31], Gen.Bool).Sample((account, computer, shared, atOnce, weight, isCatchingUp) =>
    {
        var flow = new GrantFlow { AccountRate = account, ComputerRate = computer, SharedRate = shared, AtOnce = atOnce, Weight = weight, IsCatchingUp = isCatchingUp };
        var read = Grant.TryVerify(Signed(flow), [Samples.Key], DateTimeOffset.UnixEpoch)!.Flow;
        Assert.Equal((atOnce, weight, isCatchingUp), (read.AtOnce, read.Weight, read.IsCatchingUp));

        // Rounded up to KiB: a limit never becomes none, nor tighter.
        Assert.InRange(read.AccountRate - account, 0, account == 0 ? 0 : 1023);
        Assert.InRange(read.ComputerRate - computer, 0, computer == 0 ? 0 : 1023);
        Assert.InRange(read.SharedRate - shared, 0, shared == 0 ? 0 : 1023);
    }, iter: 200);

    [Fact]
    public void What_cannot_be_written_limits_nothing_and_zeros_are_no_limit()
    {
        var none = Grant.TryVerify(Signed(new GrantFlow { AccountRate = long.MaxValue, SharedRate = -1 }), [Samples.Key], DateTimeOffset.UnixEpoch)!.Flow;
        Assert.Equal(default, none);
        Assert.All(Base64Url.DecodeFromChars(Signed(default)).AsSpan(Grant.UnsignedLength - GrantFlow.Length, GrantFlow.Length).ToArray(), value => Assert.Equal(0, value));
    }

    [Fact]
    public void Only_a_computers_own_limit_makes_a_grant_that_older_pods_do_not_take()
    {
        Assert.Equal(Grant.UnsignedLength + 64, Base64Url.DecodeFromChars(Signed(new GrantFlow { AccountRate = 1, SharedRate = 1, AtOnce = 1, Weight = 3 })).Length);
        var bytes = Base64Url.DecodeFromChars(Signed(new GrantFlow { ComputerRate = 5 << 10 }));
        Assert.Equal((2, Grant.UnsignedLength + GrantFlow.ComputerLength + 64), (bytes[0], bytes.Length));
        bytes[0] = 1;
        Assert.Null(Grant.TryVerify(Base64Url.EncodeToString(bytes), [Samples.Key], DateTimeOffset.UnixEpoch));
    }

    private static string Signed(GrantFlow flow) =>
        new Grant { Method = GrantMethod.Put, Name = new ObjectName(Samples.Account, ObjectSpace.Numbered, 5), LengthMax = 10, Flow = flow, Expires = DateTimeOffset.UnixEpoch.AddDays(1) }.Sign(Samples.Key);
}
