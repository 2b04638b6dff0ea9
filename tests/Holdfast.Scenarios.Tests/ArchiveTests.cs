using System.Text;
using System.Text.Json;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Scenarios.Tests;

/// <summary>Archives made on the customer's own computer, opened by the programs that others open them with.</summary>
public sealed class ArchiveTests : Scenario
{
    [Fact]
    public async Task A_tar_brings_back_every_kind_of_entry_and_all_metadata_but_sockets()
    {
        var computer = await EnrolAsync("one", "tar");
        var tree = Path.Combine(Root, "tree");
        Shell($"T='{tree}'\n{RestoringTests.EveryKind}");
        await computer.MustAsync(Cancellation, "backup", tree);
        var archive = Path.Combine(Root, "all.tar");
        var made = await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "tar", "--target", archive, "--json");
        Assert.Equal((ExitCode.Partial, 1L), (made.ExitCode, JsonDocument.Parse(made.LastLine).RootElement.GetProperty("troubles").GetInt64()));
        Assert.Contains("a tar cannot hold a socket", made.Output, StringComparison.Ordinal);
        Assert.Equal("600\n", Shell($"stat -c %a '{archive}'"));
        Shell($"rm '{tree}/socket'; touch -r '{tree}/plain' '{Root}/x'; mkdir '{Root}/out'; tar -xpf '{archive}' -C '{Root}/out' --xattrs --xattrs-include='*' --numeric-owner");

        // Removing the socket changed the time of its directory.
        Shell($"touch -r '{tree}' '{Root}/out{tree}'");
        var compared = await computer.RunAsync(Cancellation, "compare", tree, $"{Root}/out{tree}");
        Assert.True(compared.ExitCode == 0, compared.Output);
        Assert.Equal("3\n", Shell($"stat -c %h '{Root}/out{tree}/hard1'"));

        // The same to standard output; and an archive is never written over.
        Shell($"{Programs.Holdfast} restore latest --archive tar --target - 2>/dev/null >'{Root}/piped.tar' || [ $? = 3 ]; cmp '{archive}' '{Root}/piped.tar'", computer.Environment);
        Assert.Contains("[conflict]", (await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "tar", "--target", archive)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_zip_keeps_bytes_modes_links_and_times_and_names_what_it_cannot_hold()
    {
        var computer = await EnrolAsync("one", "zip");
        var tree = Path.Combine(Root, "tree");
        Shell($$"""
            mkdir -p '{{tree}}/ünï' && cd '{{tree}}'
            printf 'plain' > plain; chmod 640 plain; : > empty; head -c 300000 /dev/urandom > medium; head -c 9000000 /dev/urandom > long; truncate -s 6M hole
            printf a > "$(printf 'caf\351')"; printf b > 'caf%E9'; printf c > 'back\slash'; printf d > 'ünï/日本'
            ln -s plain link; ln plain hard; mkfifo fifo; chmod 700 'ünï'
            touch -d '2001-02-03T04:05:06Z' plain; touch -d '2200-02-03T04:05:06.9876543Z' medium; touch -d '1990-12-31T23:59:50Z' long
            """);
        await computer.MustAsync(Cancellation, "backup", tree);
        var archive = Path.Combine(Root, "all.zip");
        var made = await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "zip", "--target", archive);
        Assert.Equal(ExitCode.Partial, made.ExitCode);
        Assert.Equal(3, made.Error.Split('\n').Count(line => line.StartsWith("holdfast: ", StringComparison.Ordinal)));
        Assert.Contains("a ZIP cannot hold a fifo", made.Error, StringComparison.Ordinal);
        Shell($"mkdir '{Root}/out'; unzip -q '{archive}' -d '{Root}/out'; cd '{Root}/out{tree}'; for f in plain empty medium long hole hard 'caf%E9' 'ünï/日本'; do cmp \"$f\" \"{tree}/$f\"; done");
        Assert.Equal("640\n700\nplain\n2001-02-03 04:05:06\n1990-12-31 23:59:50\n", Shell($"cd '{Root}/out{tree}'; stat -c %a plain 'ünï'; readlink link; TZ=UTC date -r plain '+%F %T'; TZ=UTC date -r long '+%F %T'"));
        Assert.Equal("a\nc\n", Shell($"cd '{Root}/out{tree}'; cat caf%E9~*; echo; cat back%5Cslash~*; echo"));
        Assert.Equal("None 11\n", Shell($"python3 -c \"import zipfile; z = zipfile.ZipFile('{archive}'); print(z.testzip(), sum(not i.is_dir() for i in z.infolist()))\""));

        var some = Path.Combine(Root, "some.zip");
        await computer.MustAsync(Cancellation, "restore", "latest", "--archive", "zip", "--target", some, "--include", tree + "/plain");
        Assert.Equal(tree[1..] + "/plain\n", Shell($"unzip -Z1 '{some}' | grep -v '/$'"));
        var missing = await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "zip", "--target", Path.Combine(Root, "none.zip"), "--include", "/no/such");
        Assert.Contains("[not_found]", missing.Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Root, "none.zip*"));
        Assert.Contains("[invalid_request]", (await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "rar", "--target", "x")).Error, StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(computer.Cache, "zip-directory-*", SearchOption.AllDirectories));
    }

    [Fact]
    public async Task A_zip_that_was_ended_anywhere_goes_on_to_the_same_bytes()
    {
        var client = await EnrolAsync("one", "going on");
        var tree = MakeTree("tree");
        Shell($"mkfifo '{tree}/d0/fifo'; head -c 5000000 /dev/urandom > '{tree}/d3/long'");
        await client.MustAsync(Cancellation, "backup", tree);
        using var opened = await OpenedComputer.OpenAsync(client, Cancellation);
        var snapshot = await opened.Account.FindSnapshotAsync("latest", Cancellation);
        var options = new ArchiveOptions { Kind = ArchiveKind.Zip, Scratch = "", WithReport = true };
        var (whole, directory) = (new MemoryStream(), new MemoryStream());
        var reached = new List<ArchiveProgress>();
        var progress = new RestoreProgress();
        await new Archive(opened.Account).ContinueZipAsync(snapshot, options, whole, directory, new ArchiveProgress(null, 0, 0), (at, _) =>
        {
            reached.Add(at);
            return ValueTask.CompletedTask;
        }, progress, Cancellation);
        Assert.Equal(1, progress.TroubleCount);
        Assert.True(reached.Count > 60);

        // Ended behind some entry, by a failure of whoever saves; what was written behind that is cut off.
        foreach (var end in new[] { 0, 1, reached.Count / 2, reached.FindIndex(at => Encoding.UTF8.GetString(at.Last!).EndsWith("/fifo", StringComparison.Ordinal)), reached.Count - 1 })
        {
            var (part, partDirectory, counted, seen) = (new MemoryStream(), new MemoryStream(), new RestoreProgress(), 0);
            var saved = (Part: 0L, Directory: 0L, Troubles: (IReadOnlyCollection<EntryTrouble>)[]);
            await Assert.ThrowsAsync<InvalidOperationException>(() => new Archive(opened.Account).ContinueZipAsync(snapshot, options, part, partDirectory, new ArchiveProgress(null, 0, 0), (_, _) =>
            {
                saved = (part.Length, partDirectory.Length, [.. counted.Troubles]);
                return seen++ == end ? throw new InvalidOperationException("killed") : ValueTask.CompletedTask;
            }, counted, Cancellation));
            part.SetLength(saved.Part);
            partDirectory.SetLength(saved.Directory);
            var second = new RestoreProgress(0, 0, 0, 0, saved.Troubles, saved.Troubles.Count);
            await new Archive(opened.Account).ContinueZipAsync(snapshot, options, part, partDirectory, reached[end], (_, _) => ValueTask.CompletedTask, second, Cancellation);
            Assert.True(part.ToArray().AsSpan().SequenceEqual(whole.ToArray()), $"ended behind entry {end}");
        }
    }

    [Fact]
    public async Task Entries_are_found_by_name_in_one_snapshot_or_all()
    {
        var computer = await EnrolAsync("one", "find");
        var tree = MakeTree("tree", files: 8);
        Shell($"printf a > '{tree}/Letter.TXT'");
        await computer.MustAsync(Cancellation, "backup", tree);
        Shell($"rm '{tree}/Letter.TXT'; printf b > '{tree}/other letter.txt'");
        await computer.MustAsync(Cancellation, "backup", tree);
        var all = Lines(await computer.RunAsync(Cancellation, "find", "*letter.txt", "-i", "--json"));
        Assert.Equal([tree + "/other letter.txt", tree + "/Letter.TXT"], all.Select(line => line.GetProperty("path").GetString()));
        Assert.Equal(2, all.Select(line => line.GetProperty("snapshot_id").GetString()).Distinct().Count());
        Assert.EndsWith("/other letter.txt", (await computer.MustAsync(Cancellation, "find", "*etter*", "--snapshot", "latest")).LastLine, StringComparison.Ordinal);
        Assert.Contains("nothing of that name", (await computer.MustAsync(Cancellation, "find", "Letter.TXT", "--path", tree + "/d1")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_encrypted_archive_is_opened_with_age()
    {
        var computer = await EnrolAsync("one", "age");
        var tree = MakeTree("tree", files: 12);
        await computer.MustAsync(Cancellation, "backup", tree);
        Shell($"age-keygen -o '{Root}/key' 2>'{Root}/said'");
        var recipient = (await File.ReadAllTextAsync(Path.Combine(Root, "said"), Cancellation)).Trim().Split(' ')[^1];
        await computer.MustAsync(Cancellation, "restore", "latest", "--archive", "zip", "--encrypt-to", recipient, "--target", Path.Combine(Root, "all.zip.age"));
        Shell($"age -d -i '{Root}/key' -o '{Root}/all.zip' '{Root}/all.zip.age'; mkdir '{Root}/out'; unzip -q '{Root}/all.zip' -d '{Root}/out'; diff -r '{tree}' '{Root}/out{tree}'");
        foreach (var wrong in new[] { new[] { "--archive", "zip", "--encrypt-to", "age1xyz" }, ["--encrypt-to", recipient] })
        {
            Assert.Contains("[invalid_request]", (await computer.RunAsync(Cancellation, ["restore", "latest", "--target", Path.Combine(Root, "none"), .. wrong])).Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_damaged_is_named_and_the_rest_is_in_the_archive()
    {
        var computer = await EnrolAsync("one", "damaged");
        var tree = MakeTree("tree");
        Shell($"head -c 12000000 /dev/urandom > '{tree}/long'");
        await computer.MustAsync(Cancellation, "backup", tree);
        var packs = Directory.EnumerateFiles(Service.Data, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 1 << 20).ToList();
        Shell(string.Join('\n', packs.Select(pack => $"s=$(stat -c %s '{pack}'); for at in 3000000 $((s / 2)) $((s - 5000000)); do [ $at -gt 1000000 ] && [ $s -gt $at ] && printf 'XXXXXXXX' | dd of='{pack}' bs=1 seek=$at conv=notrunc status=none || true; done")));
        var archive = Path.Combine(Root, "all.zip");
        var made = await computer.RunAsync(Cancellation, "restore", "latest", "--archive", "zip", "--target", archive);
        Assert.True(made.ExitCode == ExitCode.Partial, made.Output + made.Error);
        var damaged = made.Error.Split('\n').Where(line => line.StartsWith("holdfast: /", StringComparison.Ordinal)).Select(line => line[10..line.IndexOf(": ", 10, StringComparison.Ordinal)]).ToHashSet();
        Assert.True(damaged.Contains(tree + "/long"), made.Error);

        // Whatever is in it is what was backed up; whatever is not was named.
        Shell($"mkdir '{Root}/out'; unzip -q '{archive}' -d '{Root}/out'");
        var all = Directory.GetFiles(tree, "*", SearchOption.AllDirectories);
        foreach (var file in all.Where(file => !damaged.Contains(file)))
        {
            Assert.Equal(await File.ReadAllBytesAsync(file, Cancellation), await File.ReadAllBytesAsync(Root + "/out" + file, Cancellation));
        }

        Assert.InRange(damaged.Count, 1, all.Length - 20);
        Assert.All(damaged, file => Assert.False(File.Exists(Root + "/out" + file)));
    }

    private static string Shell(string script, Dictionary<string, string> environment) =>
        Shell(string.Concat(environment.Select(pair => $"export {pair.Key}='{pair.Value}'\n")) + script);
}
