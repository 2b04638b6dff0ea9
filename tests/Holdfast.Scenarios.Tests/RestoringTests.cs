namespace Holdfast.Scenarios.Tests;

/// <summary>What is backed up comes back: every kind of entry, every byte, every piece of metadata.</summary>
public sealed class RestoringTests : Scenario
{
    internal const string EveryKind = """
        mkdir -p "$T/dir/empty" "$T/deep/a/b/c" && cd "$T"
        printf 'plain' > plain; : > empty; head -c 300000 /dev/urandom > medium; head -c 5000000 /dev/zero > zeros
        printf x > "$(printf 'not-utf8-\377\376')"; printf y > "$(printf 'new\nline')"; printf z > ' spaces and "quotes" '
        printf n > "$(printf '%0250d' 0)"
        ln -s plain link; ln -s /nonexistent/target dangling; ln -s "$(printf 'to-\377')" link-to-bytes
        printf hard > hard1; ln hard1 hard2; ln hard1 dir/hard3
        mkfifo fifo; python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("socket")'
        [ "$(id -u)" = 0 ] && { mknod char c 1 3; mknod block b 7 0; chown 12345:54321 plain dir; }
        truncate -s 100M sparse; printf middle | dd of=sparse bs=1 seek=50000000 conv=notrunc status=none; truncate -s 10M allhole
        printf s > setuid; chmod 6755 setuid; chmod 1777 dir; printf r > readonly; chmod 000 readonly
        setfattr -n user.note -v "$(printf 'value')" plain; setfattr -n user.long -v "$(head -c 3000 /dev/zero | tr '\0' a)" medium; setfattr -n user.dir -v d dir
        python3 - <<'PY'
        import os
        for i in range(3): os.setxattr('zeros', f'user.big{i}', bytes([i]) * 1300)
        os.setxattr('empty', b'user.\xff\xfe', b'bytes')
        PY
        setfacl -m u:12345:rw plain; setfacl -d -m g:54321:rx dir
        touch -h -d '1969-12-31T23:59:58.123456789Z' link; touch -d '1901-12-14T00:00:00.000000001Z' plain 2>/dev/null || touch -d '1969-01-01T00:00:00.000000001Z' plain
        touch -d '2200-02-03T04:05:06.987654321Z' medium; touch -d '2001-02-03T04:05:06.5Z' deep/a/b/c deep/a/b deep dir/empty
        """;

    [Fact]
    public async Task Every_kind_of_entry_and_all_metadata_come_back()
    {
        var computer = await EnrolAsync("one", "everything");
        var tree = Path.Combine(Root, "tree");
        Shell($"T='{tree}'\n{EveryKind}");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);

        // From the listing cache, and without any cache, the same snapshot comes out.
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        computer.DeleteCache();
        await computer.SendsNothingNewAsync(tree, Cancellation);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task Holes_stay_holes()
    {
        var computer = await EnrolAsync("one", "sparse");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir -p '{tree}'; cd '{tree}'; truncate -s 1T huge; printf data | dd of=huge bs=1 seek=500000000000 conv=notrunc status=none");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", Path.Combine(Root, "out"));
        Assert.Equal("1099511627776\n", Shell($"stat -c %s '{Root}/out{tree}/huge'"));
        Assert.True(long.Parse(Shell($"stat -c %b '{Root}/out{tree}/huge'").Trim(), System.Globalization.CultureInfo.InvariantCulture) < 1000);
        Assert.Equal("data", Shell($"dd if='{Root}/out{tree}/huge' bs=1 skip=500000000000 count=4 status=none"));
    }

    [Fact]
    public async Task Changes_are_found_and_older_snapshots_stay()
    {
        var computer = await EnrolAsync("one", "changes");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree, "--tag", "first");
        Shell($"cp -a '{tree}' '{Root}/before'");
        Shell($"cd '{tree}'; printf more >> d0/e0/f0; rm d1/e1/f1; mv d2 renamed; mkdir d1/new; printf new > d1/new/file; rm -r d3; printf file > d3; chmod 700 d4; touch -d 2020-01-01 d5/e1/f5 2>/dev/null || true");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
        var first = (await computer.MustAsync(Cancellation, "snapshots", "--tag", "first")).LastLine.Split(' ')[0];
        var target = Path.Combine(Root, "old");
        await computer.MustAsync(Cancellation, "restore", first, "--target", target);
        Assert.Equal(0, (await computer.RunAsync(Cancellation, "compare", Path.Combine(Root, "before"), target + tree)).ExitCode);
        await computer.MustAsync(Cancellation, "check", "--read-data");
    }

    [Fact]
    public async Task A_single_path_is_restored_alone()
    {
        var computer = await EnrolAsync("one", "single");
        var tree = MakeTree("tree");
        await computer.MustAsync(Cancellation, "backup", tree);
        var target = Path.Combine(Root, "out");
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", target, "--include", tree + "/d1/e1/f1");
        Assert.Equal([target + tree + "/d1/e1/f1"], Directory.GetFiles(target, "*", SearchOption.AllDirectories));
        var missing = await computer.RunAsync(Cancellation, "restore", "latest", "--target", target, "--include", "/no/such/path");
        Assert.Equal(10, missing.ExitCode);
    }

    [Fact]
    public async Task Exclusions_leave_out_what_they_name()
    {
        var computer = await EnrolAsync("one", "exclusions");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir -p '{tree}'/{{src/bin,keep/bin,cache,skip}}; cd '{tree}'; touch a.tmp b.txt src/bin/x src/c.tmp keep/bin/y skip/.nobackup skip/z; printf 'Signature: 8a477f597d28d172789f06886806bc55' > cache/CACHEDIR.TAG; touch cache/w; head -c 3000 /dev/zero > large");
        var plan = await computer.MustAsync(Cancellation, "backup", tree, "--dry-run", "--json");
        Assert.Contains("\"files\":10,", plan.Output, StringComparison.Ordinal);
        await computer.MustAsync(Cancellation, "backup", tree, "--exclude", "*.tmp", "--exclude", "src/**/bin", "--exclude-caches", "--exclude-if-present", ".nobackup", "--exclude-larger-than", "2K");
        var listed = (await computer.MustAsync(Cancellation, "ls", "latest", tree, "--json")).Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("path").GetString()!).Where(path => path.StartsWith(tree + "/", StringComparison.Ordinal))
            .Select(path => path[(tree.Length + 1)..]).Order(StringComparer.Ordinal);
        Assert.Equal(["b.txt", "cache", "keep", "keep/bin", "keep/bin/y", "skip", "src"], listed);
    }

    [Fact]
    public async Task A_path_with_a_slash_at_its_end_is_the_directory_itself()
    {
        var computer = await EnrolAsync("one", "slash");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir -p '{tree}/tree'; echo outer > '{tree}/file'; echo inner > '{tree}/tree/file'");
        await computer.MustAsync(Cancellation, "backup", tree + "/");
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task One_file_system_holds_for_each_path_by_itself()
    {
        var computer = await EnrolAsync("one", "file-systems");
        var tree = Path.Combine(Root, "tree");
        Directory.CreateDirectory(tree);
        var (inner, other) = (MountSmall("tree/inner", "1M"), MountSmall("other", "1M"));
        try
        {
            Shell($"echo a > '{tree}/a'; echo b > '{inner}/b'; mkdir '{other}/dir'; echo c > '{other}/dir/c'");
            var ended = await computer.MustAsync(Cancellation, "backup", "--one-file-system", tree, other, "--json");
            Assert.Contains("\"files\":2,", ended.Output, StringComparison.Ordinal);
            var listed = (await computer.MustAsync(Cancellation, "ls", "latest", "--quiet")).Output;
            Assert.Contains(tree + "/a\n", listed, StringComparison.Ordinal);
            Assert.Contains(other + "/dir/c\n", listed, StringComparison.Ordinal);
            Assert.DoesNotContain(inner, listed, StringComparison.Ordinal);
        }
        finally
        {
            Shell($"umount -l '{inner}' '{other}'");
        }
    }

    [Fact]
    public async Task Directories_may_be_very_deep()
    {
        var computer = await EnrolAsync("one", "deep");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir '{tree}'; cd '{tree}'; python3 -c 'import os\nfor i in range(1500): os.mkdir(\"d\"); os.chdir(\"d\")\nopen(\"bottom\",\"w\").write(\"here\")'");
        await computer.MustAsync(Cancellation, "backup", tree);
        await computer.RestoresIdenticallyAsync(tree, Cancellation);
    }

    [Fact]
    public async Task A_restore_never_follows_a_symbolic_link_out_of_its_target()
    {
        var computer = await EnrolAsync("one", "escape");
        var tree = Path.Combine(Root, "tree");
        Shell($"mkdir -p '{tree}/dir' && printf secret > '{tree}/dir/file' && mkdir '{Root}/outside'");
        await computer.MustAsync(Cancellation, "backup", tree);
        var target = Path.Combine(Root, "out");

        // Somebody planted a link where the restore wants a directory, and one where it wants a file.
        Shell($"mkdir -p '{target}{tree}'; ln -s '{Root}/outside' '{target}{tree}/dir'");
        var blocked = await computer.RunAsync(Cancellation, "restore", "latest", "--target", target);
        Assert.Equal(3, blocked.ExitCode);
        Assert.Contains("/dir", blocked.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Root, "outside")));

        Shell($"rm '{target}{tree}/dir'; mkdir '{target}{tree}/dir'; ln -s '{Root}/outside/victim' '{target}{tree}/dir/file'");
        await computer.MustAsync(Cancellation, "restore", "latest", "--target", target);
        Assert.Empty(Directory.GetFileSystemEntries(Path.Combine(Root, "outside")));
        Assert.Equal("secret", await File.ReadAllTextAsync($"{target}{tree}/dir/file", Cancellation));
    }
}
