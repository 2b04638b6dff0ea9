using Holdfast.Client.Computers;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Protocol.Grants;

namespace Holdfast.Scenarios.Tests;

/// <summary>Frames that the service copied, twice, without being able to read them are found from frame tables alone, and restored (format rule 7).</summary>
public sealed class CompactionTests : Scenario
{
    [Fact]
    public async Task Snapshots_are_restored_after_their_frames_moved_twice_and_every_database_was_lost()
    {
        var computer = await EnrolAsync("one", "compacted");
        var first = MakeTree("first", seed: 1, files: 20);
        var second = MakeTree("second", seed: 2, files: 20);
        await computer.MustAsync(Cancellation, "backup", first);
        await computer.MustAsync(Cancellation, "backup", second);
        await Service.KillAsync(Cancellation);
        await CompactTwiceAsync(ComputerFile.Load(computer.Folders).Account);

        // Everything the service knows of it comes from what lies on the drive.
        await Service.Databases.LoseAsync(Cancellation);

        var rebuilt = await Service.OperateAsync(["rebuild"], Cancellation);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Output);
        await Service.RestartAsync(Cancellation);
        Assert.NotEqual(0, Service.Ask<long>("SELECT count(*) FROM forwards"));
        await computer.MustAsync(Cancellation, "attach");
        await computer.RestoresIdenticallyAsync(second, Cancellation);
        computer.DeleteCache();
        await computer.RestoresIdenticallyAsync(second, Cancellation);
        await computer.MustAsync(Cancellation, "check", "--read-data");

        // The index was never touched: what it names is found where it lies now.
        await computer.SendsNothingNewAsync(first, Cancellation);
        await computer.RestoresIdenticallyAsync(first, Cancellation);
    }

    private async Task CompactTwiceAsync(AccountId account)
    {
        await using var drive = await Service.OpenPodAsync(Cancellation);
        var packs = new List<byte[]>();
        await foreach (var item in drive.ListAsync(null, Cancellation))
        {
            var bytes = new byte[item.Length];
            await drive.ReadAsync(item.Name, 0, bytes, Cancellation);
            if (item.Name.Space == ObjectSpace.Numbered && ObjectHeader.Read(bytes).Type == ObjectType.Pack)
            {
                packs.Add(bytes);
            }
        }

        Assert.True(packs.Count >= 2 && packs.Sum(pack => pack.Length) < Limits.PackLengthMax);
        var number = (uint)Service.Ask<long>("UPDATE fence SET next_number = next_number + 2 RETURNING next_number - 2");
        var once = PackCopier.Copy(number, [packs[0]], _ => true);
        var twice = PackCopier.Copy(number + 1, [once, .. packs.Skip(1).Select(pack => (ReadOnlyMemory<byte>)pack)], _ => true);
        await drive.PutAsync(new ObjectName(account, ObjectSpace.Numbered, number + 1), twice, Cancellation);
        foreach (var old in packs.Select(pack => ObjectHeader.Read(pack).Number))
        {
            await Service.DeleteAsync(drive, new ObjectName(account, ObjectSpace.Numbered, old), Cancellation);
        }
    }
}
