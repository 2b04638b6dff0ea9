using System.Diagnostics;
using System.Globalization;
using Holdfast.Permissions.Applying;
using Holdfast.Permissions.Journaling;

namespace Holdfast.Permissions.Tests;

/// <summary>Runs that are killed, journals that are torn, full, damaged or another tree's, and trees that change meanwhile.</summary>
public sealed class JournalTests : IDisposable
{
    private readonly Tree _tree = new();

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <summary>Moves, deletes, makes, and swaps files and directories for links to what is outside.</summary>
    private const string Mischief = """
        import os, random, time
        r = random.Random(1); root = os.getcwd(); outside = os.path.join(os.path.dirname(root), "outside")
        dirs = [os.path.join(a, b) for a, ds, fs in os.walk(root) for b in ds]
        leaves = [d for d in dirs if d.count('/') > root.count('/') + 1]
        end = time.time() + 4
        def quiet(f, *a):
            try: f(*a)
            except OSError: pass
        def make(path): os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644))
        while time.time() < end:
            d, e = r.choice(leaves), r.choice(leaves); n = r.randrange(60); name = f"{d}/file-{n}.txt"
            k = r.randrange(6)
            if k == 0: quiet(os.rename, name, f"{e}/moved-{n}-{r.randrange(9)}.txt")
            elif k == 1: quiet(os.unlink, name); quiet(os.symlink, f"{outside}/file-{n}.txt", name)
            elif k == 2: quiet(os.unlink, name); quiet(make, name)
            elif k == 3:
                quiet(os.rename, d, d + "-away"); quiet(os.symlink, outside + "/d", d); time.sleep(0.001)
                quiet(os.unlink, d); quiet(os.rename, d + "-away", d)
            elif k == 4: quiet(os.mkdir, f"{d}/new-{n}")
            elif d != e: quiet(os.rename, d, e + "/inside"); quiet(os.rename, e + "/inside", d)
        """;

    private static int Kills => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1" ? 60 : 6;

    /// <summary>Killed again and again at any point, it ends with everything right, and nothing that was finished is written again.</summary>
    [Fact]
    public async Task A_run_that_is_killed_goes_on_and_repeats_nothing()
    {
        await Shell.PythonAsync(_tree.Root, """
            import os
            for d in range(300):
                os.makedirs(f"{d % 7}/{d}")
                for f in range(200): os.close(os.open(f"{d % 7}/{d}/{f}", os.O_CREAT, 0o644))
            """, Cancellation);
        var random = new Random(11);
        var resumed = 0;
        for (var round = 0; round < Kills; round++)
        {
            var mode = round % 2 == 0 ? "u=rwX,g=,o=" : "u=rwX,g=rX,o=rX";
            var process = Shell.Start(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", mode, "--restart", "--threads", "2"], _tree.State);
            for (var kill = 0; kill < 3; kill++)
            {
                await Task.Delay(random.Next(100, 900), Cancellation);
                if (process.HasExited)
                {
                    break;
                }

                process.Kill();
                await Shell.EndAsync(process, Cancellation);
                process = Shell.Start(Shell.Holdfast, ["permissions", "resume", _tree.Root, "--json"], _tree.State);
                resumed++;
            }

            var ended = await Shell.EndAsync(process, Cancellation);
            if (ended.Error.Contains("nothing to go on with", StringComparison.Ordinal) || ended.Error.Contains("no run of", StringComparison.Ordinal) || ended.Error.Contains("is empty", StringComparison.Ordinal))
            {
                // Killed before the first record or after the last: begun again it is done.
                ended = await Shell.RunAsync(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", mode, "--restart"], _tree.State, Cancellation);
            }

            Assert.True(ended.ExitCode == 0, ended.All);
            Assert.Equal("", await Shell.ShAsync($"cd '{_tree.Root}'; find . -type f -not -perm {(round % 2 == 0 ? "600" : "644")} | head -3; find . -type d -not -perm {(round % 2 == 0 ? "700" : "755")} | head -3", Cancellation));
        }

        Assert.True(resumed > 0);
    }

    /// <summary>Between batches nothing is lost: what a batch finished is not come by again.</summary>
    [Fact]
    public void A_run_that_stops_between_batches_goes_on_behind_them()
    {
        var entries = _tree.Fill(60, 50, depth: 3);
        using var stop = new CancellationTokenSource();
        using (var change = PermissionChange.Begin(_tree.Settings(), _tree.Journal, _tree.Journal + ".maps", restart: false, TimeProvider.System))
        {
            change.BatchCapacity = 64;
            change.Shown = progress =>
            {
                if (progress.Counts.Total > entries / 2)
                {
                    stop.Cancel();
                }
            };
            Assert.ThrowsAny<OperationCanceledException>(() => change.Run(new ThreadLimit(), null, stop.Token));
        }

        long done;
        using (var journal = Journal.Open(_tree.Journal))
        {
            done = journal.Read()!.Counts.Changed;
        }

        Assert.InRange(done, entries / 3, entries - 64);
        using (var change = PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System))
        {
            change.BatchCapacity = 64;
            PermissionProgress? first = null;
            change.Shown = progress => first ??= progress;
            var report = change.Run(new ThreadLimit(), null, Cancellation);
            Assert.Equal((entries, true), (report.Entries, report.IsVerified));
            // The first batch after it begins where the last one ended: no more than it is counted, nor are those before found right again.
            Assert.InRange(first!.Counts.Total, done, done + 200);
            Assert.InRange(first.Counts.Right, -64, 64 + 200);
        }

        Assert.Equal(0, _tree.Look(_tree.Settings()).Changed);
    }

    /// <summary>However the tree is laid out and wherever a walk is interrupted: all entries, each once.</summary>
    [Fact]
    public async Task A_walk_that_goes_on_anywhere_misses_nothing()
    {
        await Shell.PythonAsync(_tree.Root, """
            import os, random
            r = random.Random(5); dirs = ["."]
            for i in range(400):
                parent = r.choice(dirs[-40:]); p = f"{parent}/{r.choice(['a','b','zz','Ö','x y'])}{i}"
                if r.random() < .4: os.mkdir(p); dirs.append(p)
                else: os.close(os.open(p, os.O_CREAT, 0o644))
            """, Cancellation);
        var all = await Shell.ShAsync($"cd '{_tree.Root}'; find . -printf '%P\\n' | sort", Cancellation);
        var expected = all.Split('\n').SkipLast(1).Order(StringComparer.Ordinal).ToList();
        using var root = Walking.TreeRoot.Open(_tree.Root, crossMounts: false);
        foreach (var capacity in new[] { 1, 2, 3, 7, 50, 1000 })
        {
            var (found, position, size) = (new HashSet<string>(), Walking.WalkPosition.Begin, capacity);
            for (var serial = 1; !position.IsEnd; serial++)
            {
                // A new walk each time, as after a kill; one that came no further has more room the next time.
                using var walk = new Walking.TreeWalk(root, position, new NoNotes());
                var batch = new Walking.EntryBatch(size);
                batch.Clear(serial);
                walk.Fill(batch, Cancellation);
                batch.Seal();
                found.UnionWith(Names(batch));
                size = position.IsListing && batch.End.IsListing && position.Path.AsSpan().SequenceEqual(batch.End.Path) ? size * 2 : capacity;
                position = batch.End;
            }

            Assert.Equal(expected, found.Order(StringComparer.Ordinal));
        }
    }

    [Fact]
    public async Task A_journal_that_is_torn_is_gone_on_with_and_one_that_is_damaged_is_not()
    {
        _tree.Fill(30, 30);
        using var stop = new CancellationTokenSource();
        using (var change = PermissionChange.Begin(_tree.Settings(), _tree.Journal, _tree.Journal + ".maps", restart: false, TimeProvider.System))
        {
            change.BatchCapacity = 64;
            change.Shown = progress => { if (progress.Counts.Total > 300) { stop.Cancel(); } };
            Assert.ThrowsAny<OperationCanceledException>(() => change.Run(new ThreadLimit(), null, stop.Token));
        }

        var whole = await File.ReadAllBytesAsync(_tree.Journal, Cancellation);
        foreach (var length in new[] { whole.Length - 1, whole.Length - 40, whole.Length * 2 / 3 })
        {
            await File.WriteAllBytesAsync(_tree.Journal, whole[..length], Cancellation);
            using var torn = PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System);
            Assert.True(torn.Run(new ThreadLimit(), null, Cancellation).IsVerified);
        }

        var damaged = whole.ToArray();
        damaged[whole.Length / 2] ^= 4;
        await File.WriteAllBytesAsync(_tree.Journal, damaged, Cancellation);
        Assert.Equal(PermissionProblem.DamagedJournal, Assert.Throws<PermissionException>(() => PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System)).Problem);

        // Another directory in the tree's place.
        await File.WriteAllBytesAsync(_tree.Journal, whole, Cancellation);
        Directory.Move(_tree.Root, _tree.Root + "-old");
        Directory.CreateDirectory(_tree.Root);
        Assert.Equal(PermissionProblem.ForeignJournal, Assert.Throws<PermissionException>(() => PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System)).Problem);
        Assert.Equal(PermissionProblem.Unfinished, Assert.Throws<PermissionException>(() => _tree.Apply(_tree.Settings())).Problem);
        Assert.True(_tree.Apply(_tree.Settings(), restart: true).IsVerified);
        Assert.Equal(PermissionProblem.Ended, Assert.Throws<PermissionException>(() => PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System)).Problem);
        Assert.Equal(PermissionProblem.NoJournal, Assert.Throws<PermissionException>(() => PermissionChange.Resume(_tree.Root, _tree.Journal + "-none", TimeProvider.System)).Problem);
    }

    [Fact]
    public void Where_there_is_no_tree_no_journal_is_left_and_an_empty_one_is_none()
    {
        Assert.Equal(PermissionProblem.NoTree, Assert.Throws<PermissionException>(() => PermissionChange.Begin(_tree.Settings() with { Tree = _tree.Root + "-none" }, _tree.Journal, _tree.Journal + ".maps", restart: false, TimeProvider.System)).Problem);
        Assert.False(File.Exists(_tree.Journal));
        File.WriteAllBytes(_tree.Journal, []);
        Assert.Equal(PermissionProblem.NoJournal, Assert.Throws<PermissionException>(() => PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System)).Problem);
        Assert.Null(PermissionChange.ReadEnded(_tree.Journal));
        var report = _tree.Apply(_tree.Settings());
        var ended = PermissionChange.ReadEnded(_tree.Journal)!;
        Assert.Equal((report.Entries, report.Changed, report.IsVerified, report.Passes), (ended.Entries, ended.Changed, ended.IsVerified, ended.Passes));
    }

    /// <summary>Killed between a change of owner and giving back what it takes: the journal knows.</summary>
    [Fact]
    public async Task Set_id_bits_that_a_kill_took_are_given_back()
    {
        await Shell.ShAsync($"cd '{_tree.Root}'; touch s; chown 1000 s; chmod 4755 s", Cancellation);
        var settings = _tree.Settings() with { Mode = null, OwnerMap = "user 1000 2000" };
        using (var journal = Journal.Open(_tree.Journal))
        {
            var state = new JournalState { Settings = settings, Root = _tree.Status(".").Inode };
            journal.Begin(state);
            journal.PassBegan(state);
            journal.Keep([], "s"u8, _tree.Status("s").Inode, 0x9ED, null);
        }

        await Shell.ShAsync($"chown 2000 '{_tree.Root}/s'", Cancellation);
        Assert.Equal(0x1EDu, _tree.Status("s").Permissions);
        using var change = PermissionChange.Resume(_tree.Root, _tree.Journal, TimeProvider.System);
        Assert.True(change.Run(new ThreadLimit(), null, Cancellation).IsVerified);
        Assert.Equal((2000u, 0x9EDu), (_tree.Status("s").Owner, _tree.Status("s").Permissions));
    }

    [Fact]
    public async Task A_journal_whose_disk_is_full_stops_the_run_which_goes_on_later()
    {
        _tree.Fill(100, 60);
        await Shell.ShAsync($"cd '{_tree.Folder}'; mkdir small; mount -t tmpfs -o size=16k none small; chattr +i '{_tree.Root}'/l0-*/d*/*", Cancellation);
        var path = Path.Combine(_tree.Folder, "small", "journal");
        try
        {
            // Every entry fails, and each failure is a record: the disk is full soon.
            using (var change = PermissionChange.Begin(_tree.Settings(), path, path + ".maps", restart: false, TimeProvider.System))
            {
                Assert.Equal(PermissionProblem.Full, Assert.Throws<PermissionException>(() => change.Run(new ThreadLimit(), null, Cancellation)).Problem);
            }

            await Shell.ShAsync($"mount -o remount,size=8m '{_tree.Folder}/small'; chattr -R -i '{_tree.Root}'", Cancellation);
            using var again = PermissionChange.Resume(_tree.Root, path, TimeProvider.System);
            Assert.True(again.Run(new ThreadLimit(), null, Cancellation).IsVerified);
            Assert.Equal(0, _tree.Look(_tree.Settings()).Changed);
        }
        finally
        {
            await Shell.ShAsync($"chattr -R -i '{_tree.Root}'; umount '{_tree.Folder}/small'", Cancellation);
        }
    }

    /// <summary>Others make, move, delete and swap for links all the time: nothing outside is touched, and once they stop everything is right.</summary>
    [Fact]
    public async Task A_tree_that_changes_meanwhile_is_right_in_the_end_and_nothing_outside_is_touched()
    {
        _tree.Fill(60, 60);
        var outside = Path.Combine(_tree.Folder, "outside");
        Directory.CreateDirectory(outside);
        await Shell.ShAsync($"cd '{outside}'; mkdir d; for i in $(seq 60); do touch file-$i.txt d/file-$i.txt; done; chmod -R 755 .", Cancellation);
        var before = await Shell.ShAsync($"find '{outside}' -printf '%p %m %U %C@\\n' | sort | md5sum", Cancellation);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(Cancellation);
        using var mischief = Shell.StartPython(_tree.Root, Mischief);
        var runs = 0;
        while (!mischief.HasExited)
        {
            var report = _tree.Apply(_tree.Settings($"u=rwX,g={(runs % 2 == 0 ? "rX" : "")},o="), restart: true);
            Assert.Empty(report.Failures);
            runs++;
        }

        Assert.Equal("", await mischief.StandardError.ReadToEndAsync(Cancellation));
        Assert.True(_tree.Apply(_tree.Settings(), restart: true).IsVerified);
        Assert.True(runs > 3);
        Assert.Equal("", await Shell.ShAsync($"find '{_tree.Root}' -type f -not -perm 640 -o -type d -not -perm 750 | head", Cancellation));
        Assert.Equal(before, await Shell.ShAsync($"find '{outside}' -printf '%p %m %U %C@\\n' | sort | md5sum", Cancellation));
    }

    /// <summary>One run at a time, whose threads another command changes while it runs.</summary>
    [Fact]
    public async Task Threads_are_changed_while_it_runs()
    {
        await Shell.PythonAsync(_tree.Root, """
            import os
            for d in range(600):
                os.makedirs(f"{d % 7}/{d}")
                for f in range(200): os.close(os.open(f"{d % 7}/{d}/{f}", os.O_CREAT, 0o644))
            """, Cancellation);
        var running = Shell.Start(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", "0700", "--json"], _tree.State);
        var journal = await FindJournalAsync();

        // Once it has done something it listens: what it was told before is an earlier run's.
        for (var begun = new FileInfo(journal).Length; new FileInfo(journal).Length == begun;)
        {
            await Task.Delay(10, Cancellation);
        }

        // Held while others ask, so that it is surely under way.
        await Shell.ShAsync($"kill -STOP {running.Id}", Cancellation);
        var second = await Shell.RunAsync(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", "0755"], _tree.State, Cancellation);
        Assert.True(second.ExitCode == 11, second.All);
        var ended = await Shell.RunAsync(Shell.Holdfast, ["permissions", "resume", _tree.Root, "--threads", "1", "--json"], _tree.State, Cancellation);
        Assert.True(ended.ExitCode == 0, ended.All);
        Assert.Contains("\"threads\":1", ended.Output, StringComparison.Ordinal);
        await Shell.ShAsync($"kill -CONT {running.Id}", Cancellation);
        var first = await Shell.EndAsync(running, Cancellation);
        Assert.True(first.ExitCode == 0, first.All);
        Assert.True(File.Exists(journal + ".threads"));
        Assert.Contains("\"verified\":true", first.Output, StringComparison.Ordinal);
        var many = await Shell.RunAsync(Shell.Holdfast, ["permissions", "apply", _tree.Root, "--mode", "0700", "--threads", "21"], _tree.State, Cancellation);
        Assert.Equal(2, many.ExitCode);
        Assert.Contains("from 1 to 20", many.Error, StringComparison.Ordinal);

        // A change of it in the middle of a batch.
        var limit = new ThreadLimit();
        using var change = PermissionChange.Begin(_tree.Settings("0711"), _tree.Journal, _tree.Journal + ".maps", restart: false, TimeProvider.System);
        change.BatchCapacity = 4096;
        var after = new List<int>();
        change.Shown = progress =>
        {
            after.Add(progress.Threads);
            limit.Value = progress.Counts.Total > 20_000 ? 1 : 20;
        };
        Assert.True(change.Run(limit, null, Cancellation).IsVerified);
        Assert.Equal(1, after[^1]);
    }

    [Fact]
    public async Task What_a_run_took_is_what_the_next_is_estimated_by()
    {
        _tree.Fill(100, 50);
        async Task<Ended> RunAsync(params string[] arguments) => await Shell.RunAsync(Shell.Holdfast, ["permissions", .. arguments], _tree.State, Cancellation);
        var unknown = await RunAsync("estimate", _tree.Root, "--mode", "0700");
        Assert.Equal(0, unknown.ExitCode);
        Assert.Contains("not known", unknown.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await RunAsync("apply", _tree.Root, "--mode", "0700")).ExitCode);
        var known = await RunAsync("estimate", _tree.Root, "--mode", "0755", "--json");
        Assert.Contains("\"to_change\":5104,", known.Output, StringComparison.Ordinal);
        Assert.Matches("\"threads\":20,\"seconds_p50\":[0-9.]+,\"seconds_p90\":[0-9.]+,\"runs\":1", known.Output);
        Assert.Contains("\"threads\":1,\"seconds_p50\":null", known.Output, StringComparison.Ordinal);
        var differing = await RunAsync("verify", _tree.Root, "--mode", "0755");
        Assert.Equal(3, differing.ExitCode);
        Assert.Equal(5104, differing.Output.Split('\n').Count(line => line.EndsWith(": differs", StringComparison.Ordinal)));
    }

    public void Dispose() => _tree.Dispose();

    private async Task<string> FindJournalAsync()
    {
        while (true)
        {
            var folder = Path.Combine(_tree.State, "permissions");
            if (Directory.Exists(folder) && Directory.GetFiles(folder, "*.journal") is [var journal] && new FileInfo(journal).Length > 0)
            {
                return journal;
            }

            await Task.Delay(10, Cancellation);
        }
    }

    private static List<string> Names(Walking.EntryBatch batch)
    {
        var names = new List<string>();
        void Add(Walking.BatchEntry entry) => names.Add(System.Text.Encoding.UTF8.GetString(EntryFailure.Join(batch.DirectoryPath(entry.Directory), entry.Name[..^1])));
        for (var i = 0; i < batch.Files; i++)
        {
            Add(batch.File(i));
        }

        for (var i = 0; i < batch.Left; i++)
        {
            Add(batch.LeftDirectory(i));
        }

        return names;
    }

    private sealed class NoNotes : Walking.IWalkNotes
    {
        public void NotListed(ReadOnlySpan<byte> path, Posix.Errno error) => throw new UnreachableException(error.ToString());

        public void MountPoint(ReadOnlySpan<byte> path) => throw new UnreachableException();

        public void Vanished(ReadOnlySpan<byte> path) => throw new UnreachableException(path.Length.ToString(CultureInfo.InvariantCulture));

        public bool TryOpenUp(ReadOnlySpan<byte> parent, ReadOnlySpan<byte> name) => false;
    }
}
