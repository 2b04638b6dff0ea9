using System.Text;
using Holdfast.Permissions.Applying;
using Holdfast.Posix;

namespace Holdfast.Permissions.Tests;

/// <summary>A tree of files made for a test, and a place for journals beside it.</summary>
internal sealed class Tree : IDisposable
{
    public Tree()
    {
        Directory.CreateDirectory(Root);
        Directory.CreateDirectory(State);
    }

    public string Folder { get; } = Path.Combine(Path.GetTempPath(), "holdfast-permissions-" + Guid.NewGuid().ToString("N"));

    public string Root => Path.Combine(Folder, "tree");

    public string State => Path.Combine(Folder, "state");

    public string Journal => Path.Combine(Folder, "journal");

    /// <summary>Makes files in directories, all 0644 in 0755; returns how many entries there are, the root included.</summary>
    public long Fill(int directories, int filesEach, int depth = 2)
    {
        var made = 1L;
        for (var d = 0; d < directories; d++)
        {
            var path = Root;
            for (var level = 0; level < depth; level++)
            {
                path = Path.Combine(path, level == depth - 1 ? $"d{d}" : $"l{level}-{d % 3}");
                if (!Directory.Exists(path))
                {
                    Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute);
                    made++;
                }
            }

            for (var f = 0; f < filesEach; f++)
            {
                File.WriteAllBytes(Path.Combine(path, $"file-{f}.txt"), []);
                made++;
            }
        }

        return made;
    }

    public PermissionSettings Settings(string mode = "u=rwX,g=rX,o=") => new() { Tree = Root, Mode = mode };

    public PermissionReport Apply(PermissionSettings settings, ThreadLimit? threads = null, bool restart = false)
    {
        using var change = PermissionChange.Begin(settings, Journal, Journal + ".maps", restart, TimeProvider.System);
        var report = change.Run(threads ?? new ThreadLimit(), null, TestContext.Current.CancellationToken);
        return report with { Failures = [.. report.Failures] };
    }

    public PermissionReport Look(PermissionSettings settings, Action<byte[]>? wrong = null)
    {
        using var change = PermissionChange.Try(settings, TimeProvider.System);
        return change.Run(new ThreadLimit(), wrong, TestContext.Current.CancellationToken);
    }

    public EntryStatus Status(string path)
    {
        using var root = DirectoryHandle.Open(Root);
        Assert.Equal(Errno.None, EntryCalls.Status((int)root.Handle.DangerousGetHandle(), [.. Encoding.UTF8.GetBytes(path), 0], out var status));
        return status;
    }

    public void Dispose()
    {
        // Paths longer than 4,095 bytes are beyond Directory.Delete.
        using var process = Shell.Start("/bin/rm", ["-rf", Folder], State);
        process.WaitForExit();
    }
}
