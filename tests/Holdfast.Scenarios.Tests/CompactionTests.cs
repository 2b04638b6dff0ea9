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
    public async Task Snapshots_are_restored_after_their_frames_moved_twice_and_the_location_table_was_made_again()
    {
        var computer = await EnrolAsync("one", "compacted");
        var first = MakeTree("first", seed: 1, files: 20);
        var second = MakeTree("second", seed: 2, files: 20);
        await computer.MustAsync(Cancellation, "backup", first);
        await computer.MustAsync(Cancellation, "backup", second);
        await Service.KillAsync(Cancellation);
        await CompactTwiceAsync(ComputerFile.Load(computer.Folders).Account);
        await Service.RestartAsync(Cancellation);

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
        await foreach (var item in drive.ListAsync(account, Cancellation))
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
            Service.Sql("UPDATE objects SET state = 'deleted' WHERE number = @old", ("@old", (long)old));
        }

        // Everything the service knows of it comes from what lies on the drive.
        var tables = PackTables.Parse(twice);
        foreach (var (frame, at) in FrameLocations.Derive([tables]))
        {
            Service.Sql("INSERT INTO forwards (account_id, origin_number, origin_slot, number, version) VALUES (@account, @origin, @slot, @number, 1)",
                ("@account", account.ToArray()), ("@origin", (long)frame.Number), ("@slot", (long)frame.Slot), ("@number", (long)at));
        }

        Service.Sql(
            """
            INSERT INTO objects (account_id, number, session, computer, state, touched, type, length, tables_offset, frames, checksum, receipt, indexed, version)
            VALUES (@account, @number, 0, 0, 'live', 1, 1, @length, @tables, @frames, @checksum, x'00', 1, 1)
            """,
            ("@account", account.ToArray()), ("@number", (long)number + 1), ("@length", (long)twice.Length), ("@tables", (long)(twice.Length - tables.Trailer.TailLength)),
            ("@frames", (long)tables.FrameTable.Frames.Count), ("@checksum", tables.Trailer.Checksum.ToArray()));
    }
}
