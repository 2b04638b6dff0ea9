using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>That accounts can be restored is proved, by the service for every frame and by computers for random files, and damage is found and named.</summary>
public sealed class ProofTests : Scenario
{
    [Fact]
    public async Task Verifying_reads_every_frame_and_names_the_snapshots_that_need_what_is_damaged()
    {
        var one = await EnrolAsync("one", "first");
        var two = await EnrolAsync("two", "second");
        await one.MustAsync(Cancellation, "backup", MakeTree("tree"));
        await one.MustAsync(Cancellation, "backup", MakeTree("more", seed: 2, files: 20));
        await two.MustAsync(Cancellation, "backup", MakeTree("other", seed: 3, files: 20));
        var whole = await VerifyAsync();
        Assert.Equal(0, whole.ExitCode);
        Assert.Equal(2, whole.Status.GetProperty("accounts").GetInt32());
        Assert.Equal(3, whole.Status.GetProperty("snapshots").GetInt64());
        var stored = Service.Ask<long>("SELECT sum(length) FROM objects WHERE state = 'live' AND type IN (1, 3, 4)");
        Assert.InRange(whole.Status.GetProperty("bytes").GetInt64(), stored * 99 / 100, stored * 11 / 10);

        // Rot in one frame of the second backup; and a map page of the other account that is gone.
        var account = ComputerFile.Load(one.Folders).Account;
        var pack = Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 1 AND state = 'live' AND account_id = @account", ("@account", account.ToArray()));
        var page = Service.Ask<long>("SELECT number FROM objects WHERE type = 4 AND state = 'live' AND account_id <> @account", ("@account", account.ToArray()));
        await Service.KillAsync(Cancellation);
        var (file, offset) = Service.PlaceOnDrive(pack, account);
        using (var drive = File.OpenHandle(file, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(drive, [1, 2, 3], offset + 30_000);
        }

        await using (var pod = await Service.OpenPodAsync(Cancellation))
        {
            await Service.DeleteAsync(pod, new ObjectName(ComputerFile.Load(two.Folders).Account, ObjectSpace.Numbered, (ulong)page), Cancellation);
        }

        await Service.RestartAsync(Cancellation);
        var damaged = await VerifyAsync();
        Assert.Equal(ExitCode.Partial, damaged.ExitCode);
        Assert.Equal(["first", "second"], damaged.Status.GetProperty("damages").EnumerateArray().Select(damage => damage.GetProperty("account").GetString()!).Distinct().Order());
        var ofPack = damaged.Status.GetProperty("damages").EnumerateArray().Single(damage => damage.GetProperty("object").GetString() == $"pack {pack}");
        Assert.Equal("computer 1 snapshot 2", ofPack.GetProperty("snapshots").EnumerateArray().Select(name => name.GetString()!).Last());
        var status = await Service.OperateAsync(["pod", "status"], Cancellation);
        Assert.Contains("2 of 2 accounts", status.Output, StringComparison.Ordinal);
        Assert.Contains("2 have damage", status.Output, StringComparison.Ordinal);
        Assert.Equal(4, Service.Ask<long>("SELECT count(*) FROM proofs WHERE kind = 'verification'"));
        Assert.Equal(ExitCode.NoRepository, (await Service.OperateAsync(["pod", "verify", "--account", "nobody"], Cancellation)).ExitCode);
    }

    [Fact]
    public async Task A_drill_restores_random_files_and_keeps_the_evidence()
    {
        var computer = await EnrolAsync("one", "account");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        var first = await DrillAsync(computer, "--files", "12", "--seed", "7");
        Assert.Equal((12, 12, 0), (first.GetProperty("files").GetInt32(), first.GetProperty("identical").GetInt32(), first.GetProperty("failures").GetInt32()));
        var evidence = JsonDocument.Parse(await File.ReadAllTextAsync(first.GetProperty("evidence").GetString()!, Cancellation)).RootElement;
        foreach (var file in evidence.GetProperty("files").EnumerateArray())
        {
            Assert.Equal(Convert.ToHexStringLower(SHA256.HashData(await File.ReadAllBytesAsync(file.GetProperty("path").GetString()!, Cancellation))), file.GetProperty("sha256").GetString());
        }

        Assert.Empty(Directory.EnumerateDirectories(computer.Cache, "drill*", SearchOption.AllDirectories));
        var kept = JsonDocument.Parse(Service.Ask<string>("SELECT evidence FROM proofs WHERE kind = 'drill'")).RootElement;
        Assert.Equal(12, kept.GetProperty("files").GetInt32());
        Assert.Equal(SHA256.HashData(await File.ReadAllBytesAsync(first.GetProperty("evidence").GetString()!, Cancellation)), kept.GetProperty("evidence_hash").GetBytesFromBase64());

        // Changed since: restored, and not compared. Changed behind its times: found out.
        foreach (var path in Directory.EnumerateFiles(tree, "*", SearchOption.AllDirectories).Where(path => new FileInfo(path).Length > 0))
        {
            var time = File.GetLastWriteTimeUtc(path);
            var bytes = await File.ReadAllBytesAsync(path, Cancellation);
            bytes[0] ^= 1;
            await File.WriteAllBytesAsync(path, bytes, Cancellation);
            if (path.EndsWith('3'))
            {
                File.SetLastWriteTimeUtc(path, time);
            }
        }

        var second = await computer.RunAsync(Cancellation, "drill", "--files", "60", "--json");
        Assert.Equal(1, second.ExitCode);
        var summary = JsonDocument.Parse(second.LastLine).RootElement;
        Assert.Equal(60, summary.GetProperty("files").GetInt32());
        Assert.Equal(6, summary.GetProperty("failures").GetInt32());
        Assert.Contains("1 of 1 accounts", (await Service.OperateAsync(["pod", "status"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Contains("the latest of 1 failed", (await Service.OperateAsync(["pod", "status"], Cancellation)).Output, StringComparison.Ordinal);

        // A day is a snapshot's name too: the newest that is not later.
        var newest = Lines(await computer.RunAsync(Cancellation, "ls", "latest", "--json")).Count;
        Assert.Equal(newest, Lines(await computer.RunAsync(Cancellation, "ls", $"{TimeProvider.System.GetLocalNow():yyyy-MM-dd}", "--json")).Count);
        Assert.Contains("[not_found]", (await computer.RunAsync(Cancellation, "ls", "2001-01-01")).Error, StringComparison.Ordinal);

        // For a line that runs each night.
        Assert.Contains("ago; the next is due", (await computer.MustAsync(Cancellation, "drill", "--every", "30")).Output, StringComparison.Ordinal);

        // Nobody hands in a drill for a computer whose key he does not have.
        var own = ComputerFile.Load(computer.Folders);
        using var service = new ServiceClient(own.ServiceUrl, own.Account, own.Token, TimeProvider.System);
        using var stranger = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var forged = DrillSignature.Sign(new HandInDrill(1, 2, 3, [], 1, 1, 0, new byte[32], []), own.Account, own.Number, stranger);
        Assert.Equal(FailureTable.Forbidden, (await Assert.ThrowsAsync<HoldfastException>(() => service.HandInAsync(forged, Cancellation))).Kind);
        var signed = DrillSignature.Sign(forged, own.Account, own.Number, own.SigningKey);
        Assert.Equal(FailureTable.Forbidden, (await Assert.ThrowsAsync<HoldfastException>(() => service.HandInAsync(signed with { Failures = 1 }, Cancellation))).Kind);
        await service.HandInAsync(signed, Cancellation);
        await service.HandInAsync(signed, Cancellation);
        Assert.Equal(3, Service.Ask<long>("SELECT count(*) FROM proofs WHERE kind = 'drill'"));

        // Rot in a pack: what cannot be restored is named, and the drill fails.
        var pack = Service.Ask<long>("SELECT max(number) FROM objects WHERE type = 1 AND state = 'live'");
        await Service.KillAsync(Cancellation);
        var (extent, offset) = Service.PlaceOnDrive(pack);
        using (var drive = File.OpenHandle(extent, FileMode.Open, FileAccess.ReadWrite))
        {
            RandomAccess.Write(drive, new byte[1 << 20], offset + 30_000);
        }

        await Service.RestartAsync(Cancellation);
        var damaged = await computer.RunAsync(Cancellation, "drill", "--files", "60", "--json");
        Assert.Equal(1, damaged.ExitCode);
        Assert.True(JsonDocument.Parse(damaged.LastLine).RootElement.GetProperty("failures").GetInt32() > 6);
        Assert.True(Service.Ask<long>("SELECT damages FROM proofs WHERE kind = 'drill' ORDER BY number DESC LIMIT 1") > 6);
    }

    private static async Task<JsonElement> DrillAsync(ClientComputer computer, params string[] arguments) =>
        JsonDocument.Parse((await computer.MustAsync(Cancellation, ["drill", .. arguments, "--json"])).LastLine).RootElement;

    private async Task<(int ExitCode, JsonElement Status)> VerifyAsync()
    {
        var ended = await Service.OperateAsync(["pod", "verify", "--json"], Cancellation);
        Assert.True(ended.ExitCode is 0 or ExitCode.Partial, ended.Error);
        return (ended.ExitCode, JsonDocument.Parse(ended.LastLine).RootElement);
    }
}
