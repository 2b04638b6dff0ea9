using System.Diagnostics;

namespace Holdfast.Pods.Tests;

/// <summary>Real file systems on disks whose write cache is lost when the power is cut. Needs root, FUSE and loop devices.</summary>
internal sealed class VolatileDisks : IDisposable
{
    private readonly string _root;
    private readonly int _count;
    private readonly string?[] _loops;
    private Process? _server;

    private VolatileDisks(string root, int count) => (_root, _count, _loops) = (root, count, new string?[count]);

    /// <summary>True once a file system came back without its log: what was durable on that drive may be gone.</summary>
    public bool HasLost { get; private set; }

    private string Control => Path.Combine(_root, "fuse", "control");

    /// <summary>Makes the disks and mounts them as drives below <paramref name="root"/>; null where that is not possible.</summary>
    public static VolatileDisks? TryStart(string root, int count, string fileSystem)
    {
        if (!File.Exists("/dev/fuse") || !File.Exists("/dev/loop-control") || Environment.UserName != "root")
        {
            return null;
        }

        var disks = new VolatileDisks(root, count);
        try
        {
            disks.Start(fileSystem);
            return disks;
        }
        catch
        {
            disks.Dispose();
            throw;
        }
    }

    /// <summary>The power goes: of what was not flushed, pieces of <paramref name="tear"/> bytes survive with a chance of <paramref name="keepPercent"/>. Nothing answers any more.</summary>
    public void Cut(int seed, int keepPercent, int tear) => File.WriteAllText(Control, $"cut {seed} {keepPercent} {tear}");

    public void Command(string text) => File.WriteAllText(Control, text);

    /// <summary>The power is back: the file systems replay their journals. Whoever used the drives must be gone.</summary>
    public void Recover()
    {
        Unmount();
        File.WriteAllText(Control, "up");
        Mount();
    }

    /// <summary>No disk answers anything, until <see cref="Continue"/>.</summary>
    public void Stop() => Run($"kill -STOP {_server!.Id}");

    public void Continue() => Run($"kill -CONT {_server!.Id}");

    public void Dispose()
    {
        Unmount();
        if (_server is not null)
        {
            Run($"umount -l '{_root}/fuse'", mayFail: true);
            _server.Kill();
            _server.WaitForExit();
            _server.Dispose();
            _server = null;
        }
    }

    private void Start(string fileSystem)
    {
        Run($"mkdir -p '{_root}/durable' '{_root}/fuse'");
        _server = Process.Start(Build(), [$"{_count}", "400", Path.Combine(_root, "durable"), Path.Combine(_root, "fuse")]);
        Run($"for i in $(seq 100); do [ -e '{Control}' ] && exit 0; sleep 0.05; done; exit 1");
        for (var disk = 0; disk < _count; disk++)
        {
            _loops[disk] = Run($"losetup -f --show '{_root}/fuse/disk{disk}'").Trim();
            Run(fileSystem == "xfs" ? $"mkfs.xfs -q -f -K {_loops[disk]}" : $"mkfs.ext4 -q -F -E nodiscard,lazy_itable_init=0,lazy_journal_init=0 {_loops[disk]}");
            Run($"losetup -d {_loops[disk]}");
            _loops[disk] = null;
        }

        Mount();
    }

    private void Mount()
    {
        for (var disk = 0; disk < _count; disk++)
        {
            _loops[disk] = Run($"losetup -f --show '{_root}/fuse/disk{disk}'").Trim();
            var mount = $"mkdir -p '{_root}/drives/{disk:00}' && mount {_loops[disk]} '{_root}/drives/{disk:00}'";

            // XFS cannot always bring back a directory block that was torn at 512 bytes ("Metadata CRC error" while its log is replayed, about once in some hundred cuts):
            // then what an operator would do, throwing the log away. What that drive loses, the others must have.
            var said = Run($"{mount} || {{ blkid {_loops[disk]} | grep -q xfs && xfs_repair -L {_loops[disk]} >/dev/null 2>&1 && {mount} && echo repaired; }}");
            HasLost |= said.Contains("repaired", StringComparison.Ordinal);
        }
    }

    private void Unmount()
    {
        for (var disk = 0; disk < _count; disk++)
        {
            if (_loops[disk] is { } loop)
            {
                Run($"umount '{_root}/drives/{disk:00}' 2>/dev/null || umount -l '{_root}/drives/{disk:00}'; losetup -d {loop}", mayFail: true);
                _loops[disk] = null;
            }
        }
    }

    private string Build()
    {
        var program = Path.Combine(AppContext.BaseDirectory, "volatile-disks");
        Run($"[ '{program}' -nt '{program}.c' ] || gcc -O2 -Wall -Wextra -Werror '{program}.c' -o '{program}' $(pkg-config fuse3 --cflags --libs) -lpthread");
        return program;
    }

    private static string Run(string script, bool mayFail = false)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/bash", ["-ec", script]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.True(mayFail || process.ExitCode == 0, $"{script}\n{output}\n{(process.ExitCode == 0 || mayFail ? "" : error.GetAwaiter().GetResult())}");
        return output;
    }
}
