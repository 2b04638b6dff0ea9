using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>The pod as a process of its own: joined, with keys that change while it runs, and outliving its authority's databases.</summary>
public sealed class PodProcessTests : Scenario
{
    [Fact]
    public async Task A_pod_of_its_own_serves_and_its_keys_change_without_a_stop()
    {
        var (podData, data) = (Path.Combine(Root, "pod-alone"), Path.Combine(Root, "authority-alone"));
        Assert.Equal(0, (await OperateAsync("pod", "create", "--data", podData, "--drive", Path.Combine(Root, "d0"), "--drive", Path.Combine(Root, "d1"), "--drive", Path.Combine(Root, "d2"))).ExitCode);
        await using var pod = await Service.StartAsync(podData, "http://127.0.0.1:0", Cancellation, "pod");
        Assert.False(File.Exists(Path.Combine(podData, "authority.key")));
        Assert.Equal(2, (await OperateAsync("run", "--roles", "authority", "--data", data, "--listen", "http://127.0.0.1:0")).ExitCode);
        var joined = await OperateAsync("pod", "join", pod.Url, "--secret-file", Path.Combine(podData, "bootstrap-secret"), "--data", data);
        Assert.True(joined.ExitCode == 0, joined.Error);
        await using var authority = await Service.StartAsync(data, "http://127.0.0.1:0", Cancellation, "authority");
        Assert.False(File.Exists(Path.Combine(data, "pod.key")));
        var computer = new ClientComputer(Path.Combine(Root, "one"));
        await computer.MustAsync(Cancellation, "enrol", authority.Url, await authority.NewAccountAsync("account", Cancellation));
        var tree = MakeTree("tree", files: 30);

        // Grants that were given before the change are good after it, and worthless once the old key is revoked.
        var own = ComputerFile.Load(computer.Folders);
        using var service = new ServiceClient(own.ServiceUrl, own.Account, own.Token, TimeProvider.System);
        var before = await service.OpenSessionAsync(new OpenSession(0), Cancellation);
        await computer.MustAsync(Cancellation, "backup", tree);
        Assert.Equal(0, (await authority.OperateAsync(["keys", "rotate"], Cancellation)).ExitCode);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Equal(FailureTable.DamagedUpload, await FailureOfAsync(service, pod.Url, before.Grants[0], own.Account));
        Assert.Equal(0, (await authority.OperateAsync(["keys", "rotate", "--revoke-old"], Cancellation)).ExitCode);
        Assert.Equal(FailureTable.GrantInvalid, await FailureOfAsync(service, pod.Url, before.Grants[1], own.Account));
        Assert.Equal(FailureTable.DamagedUpload, await FailureOfAsync(service, pod.Url, (await service.OpenSessionAsync(new OpenSession(0), Cancellation)).Grants[0], own.Account));

        // Both remember after a restart.
        await pod.KillAsync(Cancellation);
        await authority.KillAsync(Cancellation);
        await pod.RestartAsync(Cancellation);
        await authority.RestartAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        Assert.Contains("2+1 over 3 drives", (await authority.OperateAsync(["pod", "status"], Cancellation)).Output, StringComparison.Ordinal);
        Assert.Equal(0, (await authority.OperateAsync(["pod", "verify"], Cancellation)).ExitCode);

        // A change that the pod does not hear of changes nothing.
        await pod.KillAsync(Cancellation);
        Assert.NotEqual(0, (await authority.OperateAsync(["keys", "rotate"], Cancellation)).ExitCode);
        await pod.RestartAsync(Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);

        var copied = await authority.OperateAsync(["backup-self"], Cancellation);
        Assert.True(copied.ExitCode == 0, copied.Error);
        var keyFile = Path.Combine(Root, "kept-elsewhere.key");
        await File.WriteAllTextAsync(keyFile, (await authority.OperateAsync(["backup-self", "key"], Cancellation)).Output, Cancellation);

        // The authority's databases are lost: they come back from the pod that runs.
        await authority.KillAsync(Cancellation);
        await authority.Databases.LoseAsync(Cancellation);

        var rebuilt = await OperateAsync("rebuild", "--data", data);
        Assert.True(rebuilt.ExitCode == 0, rebuilt.Output + rebuilt.Error);
        await authority.RestartAsync(Cancellation);
        await computer.MustAsync(Cancellation, "attach");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        await computer.SendsNothingNewAsync(tree, Cancellation);

        // So is its machine: a new one joins the pod, and restores the copy that lies there.
        await authority.KillAsync(Cancellation);
        var next = Path.Combine(Root, "authority-next");
        await TestDatabases.MakeAsync(next, Cancellation);
        Assert.Equal(0, (await OperateAsync("pod", "join", pod.Url, "--secret-file", Path.Combine(podData, "bootstrap-secret"), "--data", next)).ExitCode);
        var restored = await OperateAsync("restore-self", "--data", next, "--key-file", keyFile);
        Assert.True(restored.ExitCode == 0, restored.Output + restored.Error);
        await using var second = await Service.StartAsync(next, authority.Url, Cancellation, "authority", isFirst: false);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        using var look = new PeriodicTimer(TimeSpan.FromMilliseconds(50));
        while (second.DirectorySql("UPDATE accounts SET name = name WHERE reconciling = 1") > 0)
        {
            await look.WaitForNextTickAsync(Cancellation);
        }

        await computer.SendsNothingNewAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_pod_that_was_not_joined_takes_grants_from_nobody()
    {
        var podData = Path.Combine(Root, "pod-alone");
        await using var pod = await Service.StartAsync(podData, "http://127.0.0.1:0", Cancellation, "pod");
        var wrong = Path.Combine(Root, "wrong-secret");
        await File.WriteAllTextAsync(wrong, new string('0', 64), Cancellation);
        var refused = await OperateAsync("pod", "join", pod.Url, "--secret-file", wrong, "--data", Path.Combine(Root, "other"));
        Assert.Equal(1, refused.ExitCode);
        var computer = await EnrolAsync("one", "account");
        var own = ComputerFile.Load(computer.Folders);
        using var service = new ServiceClient(own.ServiceUrl, own.Account, own.Token, TimeProvider.System);
        var grant = (await service.OpenSessionAsync(new OpenSession(0), Cancellation)).Grants[0];
        var failure = await Assert.ThrowsAsync<HoldfastException>(() => service.PutObjectAsync(pod.Url, new ObjectName(own.Account, ObjectSpace.Numbered, grant.Number), grant.Grant, new byte[100], Cancellation));
        Assert.Equal(FailureTable.GrantInvalid, failure.Kind);
        Assert.Equal(2, (await OperateAsync("run", "--roles", "pod,console", "--data", podData)).ExitCode);
    }

    /// <summary>What a put of rubbish fails with: the grant, or the rubbish.</summary>
    private static async Task<FailureKind> FailureOfAsync(ServiceClient service, string podUrl, UploadGrant grant, AccountId account) => (await Assert.ThrowsAsync<HoldfastException>(() =>
        service.PutObjectAsync(podUrl, new ObjectName(account, ObjectSpace.Numbered, grant.Number), grant.Grant, new byte[100], Cancellation))).Kind;

    private static Task<Ended> OperateAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
