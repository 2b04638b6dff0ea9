using System.Security.Cryptography;
using CsCheck;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;

namespace Holdfast.Format.Tests;

/// <summary>Snapshots, heads, maps and the account log.</summary>
public sealed class SnapshotTests
{
    [Fact]
    public void Bodies_objects_and_heads_come_back()
    {
        var body = SnapshotBody.Decode(Samples.Body().Encode());
        Assert.Equal(Samples.Body().Encode(), body.Encode());
        var stored = SnapshotObject.Parse(Samples.SnapshotObject());
        Assert.Equal(Samples.SnapshotObject(), stored.Encode());
        var head = Head.Parse(Samples.Head().Bytes);
        Assert.True(head.IsSignedBy(Samples.PublicKey));
        Assert.Equal(Head.Length, head.Bytes.Length);
        for (var at = 0; at < Head.Length; at++)
        {
            var forged = head.Bytes.ToArray();
            forged[at] ^= 4;
            try
            {
                Assert.False(Head.Parse(forged).IsSignedBy(Samples.PublicKey));
            }
            catch (MalformedObjectException)
            {
                // Refused even earlier.
            }
        }
    }

    [Fact]
    public void Maps_come_back_whatever_frames_they_hold() => Gen.Select(Gen.UInt[0, 5000], Gen.UInt[0, 8191]).Array[0, 300].Sample(frames =>
    {
        var map = new ReferenceMap();
        foreach (var (number, slot) in frames)
        {
            map.Add(new Address(number, slot));
        }

        var again = new ReferenceMap();
        foreach (var page in map.Pages())
        {
            again.Add(MapPage.Parse(page.Encode()));
        }

        Assert.Equal(frames.Select(frame => new Address(frame.Item1, frame.Item2)).Distinct().Order(), again.Frames());
        Assert.Equal(map.FrameCount, again.FrameCount);
    }, iter: 200);

    [Fact]
    public void The_log_accepts_what_the_root_signed_in_order_and_nothing_else()
    {
        using var other = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var genesis = Samples.Genesis();
        var second = new Statement { Account = Samples.Account, Sequence = 2, Previous = genesis.Hash, Kind = StatementKind.Computer, Number = 1, Key = Samples.PublicKey, Group = 1, Name = "one" };
        var log = AccountLog.Verify([genesis.Bytes, second.Sign(Samples.Key).Bytes], Samples.PublicKey);
        Assert.Equal("one", log.Computers[1].Name);
        Refused(genesis.Bytes, second.Sign(other).Bytes);
        Refused(second.Sign(Samples.Key).Bytes);
        Refused(genesis.Bytes, genesis.Bytes);
        Refused(genesis.Bytes, (second with { Sequence = 3 }).Sign(Samples.Key).Bytes);
        Refused(genesis.Bytes, (second with { Previous = new byte[32] }).Sign(Samples.Key).Bytes);
        Refused(genesis.Bytes, (second with { Account = new AccountId(new byte[16]) }).Sign(Samples.Key).Bytes);
        Assert.Throws<MalformedObjectException>(() => AccountLog.Verify([genesis.Bytes], Signatures.ExportPublic(other)));
    }

    [Fact]
    public void A_newer_version_is_told_from_damage()
    {
        var head = Samples.Head().Bytes.ToArray();
        head[8] = 2;
        Assert.True(Assert.Throws<MalformedObjectException>(() => Head.Parse(head)).IsNewer);
        head[8] = 1;
        head[0] = 0;
        Assert.False(Assert.Throws<MalformedObjectException>(() => Head.Parse(head)).IsNewer);
    }

    private static void Refused(params ReadOnlyMemory<byte>[] statements) => Assert.Throws<MalformedObjectException>(() => AccountLog.Verify(statements));
}
