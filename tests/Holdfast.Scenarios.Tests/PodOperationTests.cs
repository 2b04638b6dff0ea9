namespace Holdfast.Scenarios.Tests;

/// <summary>What the operator does with drives, with the real programs: make a pod, lose a drive, replace it, lose another.</summary>
public sealed class PodOperationTests : Scenario
{
    [Fact]
    public async Task A_lost_drive_is_noticed_replaced_and_rebuilt_while_customers_restore()
    {
        var data = Path.Combine(Root, "three");
        string[] drives = [.. Enumerable.Range(0, 3).Select(slot => Path.Combine(Root, $"drive{slot}"))];
        var created = await OperateAsync("pod", "create", "--data", data, "--drive", drives[0], "--drive", drives[1], "--drive", drives[2]);
        Assert.True(created.ExitCode == 0, created.Error);
        Assert.Contains("2+1 over 3 drives", created.Output, StringComparison.Ordinal);
        await using var service = await Service.StartAsync(data, Cancellation);
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        await computer.MustAsync(Cancellation, "enrol", service.Url, await service.NewAccountAsync("three", Cancellation));
        var tree = MakeTree("tree", files: 30);
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Equal(0, (await service.OperateAsync(["pod", "status"], Cancellation)).ExitCode);

        // While the service runs, too: whole again without a stop.
        Assert.Equal(2, (await service.OperateAsync(["pod", "replace-drive", "7", Path.Combine(Root, "other")], Cancellation)).ExitCode);
        Assert.Equal(2, (await service.OperateAsync(["pod", "replace-drive", "2", drives[0]], Cancellation)).ExitCode);
        var replaced = await service.OperateAsync(["pod", "replace-drive", "2", Path.Combine(Root, "other")], Cancellation);
        Assert.True(replaced.ExitCode == 0, replaced.Error);
        await service.OperateAsync(["pod", "rebuild"], Cancellation);
        Assert.Contains(Path.Combine(Root, "other"), (await service.OperateAsync(["pod", "status"], Cancellation)).Output, StringComparison.Ordinal);
        Directory.Delete(drives[2], recursive: true);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        drives[2] = Path.Combine(Root, "other");

        await service.KillAsync(Cancellation);
        Directory.Delete(drives[1], recursive: true);
        await service.RestartAsync(Cancellation);
        var status = await service.OperateAsync(["pod", "status"], Cancellation);
        Assert.Equal(3, status.ExitCode);
        Assert.Contains("Missing", status.Output, StringComparison.Ordinal);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);

        // Fewer drives than a write needs: a typed refusal, and restores go on.
        var more = MakeTree("more", seed: 2, files: 5);
        var refused = await computer.RunAsync(Cancellation, "backup", more);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("[pod_unavailable]", refused.Error, StringComparison.Ordinal);

        await service.KillAsync(Cancellation);
        Assert.Equal(2, (await service.OperateAsync(["pod", "replace-drive", "7", Path.Combine(Root, "new")], Cancellation)).ExitCode);
        Assert.Equal(2, (await service.OperateAsync(["pod", "replace-drive", "1", drives[0]], Cancellation)).ExitCode);
        Assert.Equal(0, (await service.OperateAsync(["pod", "replace-drive", "1", Path.Combine(Root, "new")], Cancellation)).ExitCode);
        await service.RestartAsync(Cancellation);
        await service.OperateAsync(["pod", "rebuild"], Cancellation);
        Assert.Equal(0, (await service.OperateAsync(["pod", "status"], Cancellation)).ExitCode);
        Assert.Equal(0, (await service.OperateAsync(["pod", "scrub"], Cancellation)).ExitCode);
        await computer.MustAsync(Cancellation, "backup", more);

        await service.KillAsync(Cancellation);
        Directory.Delete(drives[0], recursive: true);
        await service.RestartAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(more, Cancellation);
        await computer.MustAsync(Cancellation, "check", "--read-data");
        var extent = Directory.EnumerateFiles(Path.Combine(drives[2], "ext")).First();
        Assert.Contains("volume ", (await OperateAsync("pod", "dump", extent)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_degraded_state_is_declared_and_ended()
    {
        await Service.KillAsync(Cancellation);
        Assert.Equal(2, (await Service.OperateAsync(["pod", "floor", "9"], Cancellation)).ExitCode);
        Assert.Contains("1 of 1 drives", (await Service.OperateAsync(["pod", "floor", "1"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await Service.OperateAsync(["pod", "floor", "normal"], Cancellation)).ExitCode);
        await Service.RestartAsync(Cancellation);
        Assert.Contains("one drive", (await Service.PodStatusAsync(Cancellation)).GetProperty("code").GetString()!, StringComparison.Ordinal);
    }

    private static Task<Ended> OperateAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
