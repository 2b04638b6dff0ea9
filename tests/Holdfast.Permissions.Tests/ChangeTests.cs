using Holdfast.Permissions.Applying;
using Holdfast.Posix;

namespace Holdfast.Permissions.Tests;

/// <summary>Whole trees, changed: against chmod, chown and setfacl where those say what is right.</summary>
public sealed class ChangeTests : IDisposable
{
    private readonly Tree _tree = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(1)]
    [InlineData(20)]
    public async Task Every_entry_is_as_chmod_and_chown_would_make_it(int threads)
    {
        var entries = _tree.Fill(40, 30);
        await Shell.ShAsync($"""
            cd '{_tree.Root}'; mkfifo fifo; ln -s /etc/hostname link; ln -s nowhere dangling; mknod device c 1 3; touch executable; chmod 4755 executable; mkdir shared; chmod 2775 shared
            python3 -c 'import socket; s = socket.socket(socket.AF_UNIX); s.bind("socket")'
            printf x > "$(printf 'no\377utf8')"; touch -- '-rf' 'new
            line' ' ' ; mkdir empty; cp -a . ../expected
            """, Cancellation);
        var hostname = await Shell.ShAsync("stat -c '%a %u' /etc/hostname", Cancellation);
        await Shell.ShAsync($"cd '{_tree.Folder}/expected'; chown -hR 12345:54321 .; chmod -R u=rwX,g=rX,o= .", Cancellation);
        var report = _tree.Apply(_tree.Settings() with { Owner = "12345", Group = "54321" }, new ThreadLimit(threads));
        Assert.Equal(entries + 12, report.Entries);
        Assert.True(report.IsVerified);
        Assert.Equal(2, report.Passes);
        Assert.Empty(report.Failures);
        Assert.InRange(report.ThreadsMost, 1, threads);
        const string Listing = "find . -printf '%P\\0%m %U %G %y\\0' | sort -z | md5sum";
        Assert.Equal(await Shell.ShAsync($"cd '{_tree.Folder}/expected'; {Listing}", Cancellation), await Shell.ShAsync($"cd '{_tree.Root}'; {Listing}", Cancellation));
        Assert.Equal(hostname, await Shell.ShAsync("stat -c '%a %u' /etc/hostname", Cancellation));
    }

    [Fact]
    public async Task Nothing_that_is_right_is_written()
    {
        _tree.Fill(20, 20);
        _tree.Apply(_tree.Settings());
        var before = await Shell.ShAsync($"find '{_tree.Root}' -printf '%P %C@\\n' | sort | md5sum", Cancellation);
        var report = _tree.Apply(_tree.Settings());
        Assert.Equal((0, 1, true), (report.Changed, report.Passes, report.IsVerified));
        Assert.Equal(before, await Shell.ShAsync($"find '{_tree.Root}' -printf '%P %C@\\n' | sort | md5sum", Cancellation));
    }

    [Fact]
    public void A_dry_run_counts_and_changes_nothing()
    {
        var entries = _tree.Fill(10, 10);
        var wrong = new List<string>();
        var report = _tree.Look(_tree.Settings(), path =>
        {
            lock (wrong)
            {
                wrong.Add(System.Text.Encoding.UTF8.GetString(path));
            }
        });
        Assert.Equal((entries, entries), (report.Entries, report.Changed));
        Assert.Equal(entries, wrong.Distinct().Count());
        Assert.Contains("", wrong);
        Assert.Equal(0x1A4u, _tree.Status("l0-0/d0/file-0.txt").Permissions);
    }

    [Fact]
    public async Task Access_lists_are_as_setfacl_makes_them()
    {
        _tree.Fill(5, 5);
        await Shell.ShAsync($"chmod 640 '{_tree.Root}/l0-0/d0/file-0.txt'; cp -a '{_tree.Root}' '{_tree.Folder}/expected'", Cancellation);
        async Task SameAsync()
        {
            string Listing(string folder) => $"cd '{folder}'; find . -print0 | sort -z | xargs -0 getfacl --numeric --absolute-names | md5sum";
            Assert.Equal(await Shell.ShAsync(Listing($"{_tree.Folder}/expected"), Cancellation), await Shell.ShAsync(Listing(_tree.Root), Cancellation));
        }

        await Shell.ShAsync($"cd '{_tree.Folder}/expected'; setfacl -R --set u::rwX,u:1234:rX,g::rX,o::- .; find . -type d -print0 | xargs -0 setfacl -m d:u::rwx,d:g::rx,d:g:77:rwx,d:o::-", Cancellation);
        var list = _tree.Settings() with { Mode = null, AccessList = "u::rwX,u:1234:rX,g::rX,o::-,d:u::rwx,d:g::rx,d:g:77:rwx,d:o::-" };
        Assert.True(_tree.Apply(list).IsVerified);
        await SameAsync();
        Assert.Equal(0, _tree.Apply(list).Changed);

        // X as chmod means it: setfacl --set takes the right to execute from programs.
        await Shell.ShAsync($"setfacl -b '{_tree.Root}/l0-0/d0/file-0.txt'; chmod 700 '{_tree.Root}/l0-0/d0/file-0.txt'", Cancellation);
        Assert.Equal(1, _tree.Apply(list).Changed);
        Assert.Equal(0x1E8u, _tree.Status("l0-0/d0/file-0.txt").Permissions);
        Assert.Equal(0, _tree.Apply(list).Changed);
        await Shell.ShAsync($"chmod a-x '{_tree.Root}/l0-0/d0/file-0.txt'; setfacl --set u::rw,u:1234:r,g::r,o::- '{_tree.Root}/l0-0/d0/file-0.txt'", Cancellation);
        await SameAsync();

        await Shell.ShAsync($"setfacl -R -b '{_tree.Folder}/expected'", Cancellation);
        Assert.True(_tree.Apply(list with { AccessList = "none" }).IsVerified);
        await SameAsync();
    }

    /// <summary>Numbers in a circle arrive where they belong, whatever is linked twice; privileges stay.</summary>
    [Fact]
    public async Task A_map_of_owners_keeps_set_id_bits_and_capabilities()
    {
        await Shell.ShAsync($"""
            cd '{_tree.Root}'; touch a b c s w k; chown 1000:1000 a; chown 1001:1001 b; chown 1002:1002 c; ln a a2; mkdir sub; ln a sub/a3; ln -s a l; chown -h 1000 l
            chown 1000:1001 s; chmod 6755 s; chown 1001 w; chmod 1777 w
            cp /bin/true k; chown 1000:1000 k; setfattr -n security.capability -v 0x0100000200200000000000000000000000000000 k
            """, Cancellation);
        var settings = _tree.Settings() with { Mode = null, OwnerMap = "user 1000 1001\nuser 1001 1000\nuser 1002 2002\ngroup 1001 1002\ngroup 1002 1001" };
        var report = _tree.Apply(settings);
        Assert.True(report.IsVerified);
        (uint, uint, uint) Of(string path) => (_tree.Status(path).Owner, _tree.Status(path).Group, _tree.Status(path).Permissions);
        Assert.Equal((1001u, 1000u, 0x1A4u), Of("a"));
        Assert.Equal((1001u, 1000u, 0x1A4u), Of("sub/a3"));
        Assert.Equal((1000u, 1002u, 0x1A4u), Of("b"));
        Assert.Equal((2002u, 1001u, 0x1A4u), Of("c"));
        Assert.Equal(1001u, Of("l").Item1);
        Assert.Equal((1001u, 1002u, 0xDEDu), Of("s"));
        Assert.Equal((1000u, 0u, 0x3FFu), Of("w"));
        Assert.Contains("0x0100000200200000", await Shell.ShAsync($"getfattr -n security.capability -e hex '{_tree.Root}/k'", Cancellation), StringComparison.Ordinal);

        // Once more would send everything on.
        Assert.Equal(PermissionProblem.Unfinished, Assert.Throws<PermissionException>(() => _tree.Apply(settings)).Problem);
        Assert.True(_tree.Apply(settings, restart: true).IsVerified);
        Assert.Equal(1000u, Of("a").Item1);
    }

    /// <summary>Somebody's program that runs as its owner must not run as another one, whatever a mode says of the bits that were there.</summary>
    [Fact]
    public async Task A_new_owner_is_not_given_set_id_bits_unless_they_are_named()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; for f in a b c d; do cp /bin/true $f; chown 1000:1000 $f; chmod 4755 $f; done; mkdir shared; chmod 2755 shared", Cancellation);
        Assert.True(_tree.Apply(_tree.Settings("go-w") with { Owner = "0", Rules = "b mode=u+s\nc acl=u::rwx,u:7:rx,g::rx,o::-\nd owner=1000" }).IsVerified);
        Assert.Equal((0u, 0x1EDu), (_tree.Status("a").Owner, _tree.Status("a").Permissions));
        Assert.Equal((0u, 0x9EDu), (_tree.Status("b").Owner, _tree.Status("b").Permissions));
        Assert.Equal((0u, 0x1E8u), (_tree.Status("c").Owner, _tree.Status("c").Permissions));
        Assert.Equal((1000u, 0x9EDu), (_tree.Status("d").Owner, _tree.Status("d").Permissions));
        Assert.Equal(0x5EDu, _tree.Status("shared").Permissions);
    }

    /// <summary>What the first step could not send away is not taken for what has arrived: the second waits until it is mended.</summary>
    [Fact]
    public async Task A_map_in_circles_stops_where_something_failed()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; touch a b; chown 1000 a; chown 1001 b; chattr +i a", Cancellation);
        var settings = _tree.Settings() with { Mode = null, OwnerMap = "user 1000 1001\nuser 1001 1002" };
        try
        {
            var report = _tree.Apply(settings);
            Assert.Equal((true, false, 1), (report.IsHalted, report.IsVerified, report.Failures.Count()));
            Assert.Equal(1000u, _tree.Status("a").Owner);
        }
        finally
        {
            await Shell.ShAsync($"chattr -i '{_tree.Root}/a'", Cancellation);
        }

        using var change = PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System);
        Assert.True(change.Run(new ThreadLimit(), null, Cancellation).IsVerified);
        Assert.Equal((1001u, 1002u), (_tree.Status("a").Owner, _tree.Status("b").Owner));
    }

    [Fact]
    public async Task A_path_of_more_than_four_thousand_bytes_is_gone_down()
    {
        // 60 directories of 200 bytes: only by steps.
        await Shell.ShAsync($$"""
            cd '{{_tree.Root}}'; name=$(printf 'd%.0s' {1..200}); for i in {1..60}; do mkdir $name; cd $name; done; touch deepest
            """, Cancellation);
        var report = _tree.Apply(_tree.Settings());
        Assert.Equal((62, 62, true), (report.Entries, report.Changed, report.IsVerified));
        Assert.Empty(report.Failures);
        Assert.Equal(0, _tree.Look(_tree.Settings()).Changed);
    }

    [Fact]
    public async Task Mount_points_are_left_alone_unless_told()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; mkdir mounted bound; touch file bound-file; mount -t tmpfs none mounted; touch mounted/inside; mkdir ../other; touch ../other/inside ../other-file; mount --bind ../other bound; mount --bind ../other-file bound-file", Cancellation);
        try
        {
            var report = _tree.Apply(_tree.Settings());
            Assert.True(report.IsVerified);
            Assert.Equal(3, report.Last.MountPoints);
            Assert.Equal(0x1A4u, _tree.Status("mounted/inside").Permissions);
            Assert.Equal(0x1A4u, _tree.Status("bound/inside").Permissions);
            Assert.Equal(0x1A4u, _tree.Status("bound-file").Permissions);
            Assert.Equal(0x1A0u, _tree.Status("file").Permissions);
            Assert.True(_tree.Apply(_tree.Settings() with { CrossMounts = true }).IsVerified);
            Assert.Equal(0x1A0u, _tree.Status("mounted/inside").Permissions);
            Assert.Equal(0x1A0u, _tree.Status("bound-file").Permissions);
        }
        finally
        {
            await Shell.ShAsync($"cd '{_tree.Root}'; umount mounted bound bound-file", Cancellation);
        }
    }

    [Fact]
    public async Task A_hundred_thousand_names_in_one_directory_or_a_million_and_a_farm_of_links()
    {
        var many = Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 1_000_000 : 100_000;
        await Shell.PythonAsync(_tree.Root, $$"""
            import os; os.mkdir("many"); os.mkdir("farm")
            for i in range({{many}}): os.close(os.open(f"many/{i:06x}", os.O_CREAT, 0o644))
            for i in range(20): os.mkdir(f"farm/{i}")
            for i in range(20000): os.link(f"many/{i % 100:06x}", f"farm/{i % 20}/{i}")
            """, Cancellation);
        var report = _tree.Apply(_tree.Settings());
        Assert.Equal(many + 20_023, report.Entries);
        Assert.True(report.IsVerified);
        // Two threads that come by two names of one file at once may both change it.
        Assert.InRange(report.Changed, many + 23, many + 123);
        Assert.Equal("", await Shell.ShAsync($"find '{_tree.Root}' -type f -not -perm 640 | head", Cancellation));
    }

    /// <summary>Two rules for two names of one file: neither pass can please both, and it is said.</summary>
    [Fact]
    public async Task Names_of_one_file_whose_rules_disagree_are_not_called_verified()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; touch a.sh; ln a.sh a.txt", Cancellation);
        var report = _tree.Apply(_tree.Settings() with { Rules = "*.sh mode=750\n*.txt mode=640" });
        Assert.False(report.IsVerified);
    }

    [Fact]
    public async Task What_cannot_be_changed_is_listed_by_its_bytes()
    {
        _tree.Fill(2, 3);
        await Shell.ShAsync($"cd '{_tree.Root}'; printf x > \"$(printf 'fixed\\377')\"; mkdir stuck; chattr +i \"$(printf 'fixed\\377')\" stuck", Cancellation);
        try
        {
            var report = _tree.Apply(_tree.Settings());
            Assert.Equal([(Errno.NotPermitted, "fixed\uFFFD"), (Errno.NotPermitted, "stuck")], report.Failures.Select(failure => (failure.Error, failure.Readable)).Order());
            Assert.Contains(report.Failures, failure => failure.Path.AsSpan().SequenceEqual("fixed\xFF"u8[..5].ToArray().Append((byte)0xFF).ToArray()));
            Assert.True(report.IsVerified);
            Assert.Equal(0x1A0u, _tree.Status("l0-0/d0/file-0.txt").Permissions);
            var ended = await Shell.RunAsync(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", "u=rwX,g=rX,o=", "--json"], _tree.State, Cancellation);
            Assert.Equal(3, ended.ExitCode);
            Assert.Contains("\"path_b64\":\"Zml4ZWT/\"", ended.Output, StringComparison.Ordinal);
            Assert.Contains("\"errno\":1", ended.Output, StringComparison.Ordinal);
        }
        finally
        {
            await Shell.ShAsync($"cd '{_tree.Root}'; chattr -i fixed* stuck", Cancellation);
        }
    }

    [Fact]
    public async Task A_read_only_file_system_ends_it_at_once()
    {
        await Shell.ShAsync($"cd '{_tree.Folder}'; mount -t tmpfs none tree; touch tree/file; mount -o remount,ro tree", Cancellation);
        try
        {
            Assert.Equal(PermissionProblem.ReadOnly, Assert.Throws<PermissionException>(() => _tree.Apply(_tree.Settings())).Problem);
            Assert.Equal(2, _tree.Look(_tree.Settings("0700")).Changed);
        }
        finally
        {
            await Shell.ShAsync($"umount '{_tree.Root}'", Cancellation);
        }
    }

    /// <summary>Somebody who is not root, and a mode that takes away, or first gives, the right to enter.</summary>
    [Fact]
    public async Task Directories_are_closed_after_and_opened_before_what_is_in_them()
    {
        _tree.Fill(6, 4, depth: 3);
        await Shell.ShAsync($"chown -R 65534:65534 '{_tree.Folder}'; chmod 755 '{_tree.Folder}'", Cancellation);
        async Task<Ended> RunAsync(string mode) =>
            await Shell.RunAsync("setpriv", ["--reuid=65534", "--regid=65534", "--clear-groups", Shell.Holdfast, "permissions", "apply", _tree.Root, "--mode", mode], _tree.State, Cancellation);
        Assert.Equal(0, (await RunAsync("u=rwX,g=,o=")).ExitCode);
        var closing = await RunAsync("a=");
        Assert.Equal("", await Shell.ShAsync($"find '{_tree.Root}' -mindepth 1 -not -perm 000", Cancellation));
        Assert.Equal(3, closing.ExitCode);
        await Shell.ShAsync($"chmod 700 '{_tree.Root}'", Cancellation);
        var opening = await RunAsync("u=rwX");
        Assert.True(opening.ExitCode == 0, opening.All);
        Assert.Equal("", await Shell.ShAsync($"find '{_tree.Root}' -type d -not -perm 700; find '{_tree.Root}' -type f -not -perm 600", Cancellation));
    }

    [Fact]
    public async Task Few_descriptors_are_enough()
    {
        var entries = _tree.Fill(300, 10);
        var ended = await Shell.RunAsync("/bin/bash", ["-c", $"ulimit -n 140; exec '{Shell.Holdfast}' permissions apply '{_tree.Root}' --mode 0700 --json"], _tree.State, Cancellation);
        Assert.True(ended.ExitCode == 0, ended.All);
        Assert.Contains($"\"changed\":{entries},", ended.Output, StringComparison.Ordinal);
    }

    /// <summary>What older kernels need, which this one does not: the same, by more calls.</summary>
    [Fact]
    public async Task Older_ways_of_opening_and_changing_follow_nothing_either()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; mkdir -p a/b mounted; touch file ../outside; ln -s a link; ln -s ../outside out; mount -t tmpfs none mounted", Cancellation);
        try
        {
            using var root = DirectoryHandle.Open(_tree.Root);
            var handle = (int)root.Handle.DangerousGetHandle();
            Errno Open(ReadOnlySpan<byte> path, bool crossMounts = false)
            {
                var error = EntryCalls.OpenStepByStep(handle, path, OpenFlags.ReadOnly | OpenFlags.Directory | OpenFlags.NoFollow | OpenFlags.CloseOnExec, crossMounts, out var descriptor);
                if (error == Errno.None)
                {
                    EntryCalls.Close(descriptor);
                }

                return error;
            }

            Assert.Equal(Errno.None, Open("a/b"u8));
            Assert.Equal(Errno.NoEntry, Open("a/c"u8));
            Assert.Equal(Errno.NotDirectory, Open("file"u8));
            Assert.Equal(Errno.NotDirectory, Open("link/b"u8));
            Assert.Equal(Errno.NameTooLong, Open("a/../.."u8));
            Assert.Equal(Errno.CrossDevice, Open("mounted"u8));
            Assert.Equal(Errno.None, Open("mounted"u8, crossMounts: true));

            Assert.Equal(Errno.None, EntryCalls.Hold(handle, "file\0"u8, out var held));
            await Shell.ShAsync($"cd '{_tree.Root}'; mv file moved; ln -s ../outside file", Cancellation);
            Assert.Equal(Errno.None, EntryCalls.ChangeModeByProc(held, 0x100));
            EntryCalls.Close(held);
            Assert.Equal("400 644", (await Shell.ShAsync($"cd '{_tree.Root}'; echo $(stat -c %a moved ../outside)", Cancellation)).Trim());
        }
        finally
        {
            await Shell.ShAsync($"umount '{_tree.Root}/mounted'", Cancellation);
        }
    }

    public void Dispose() => _tree.Dispose();
}
