using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using Holdfast.Pods.Volumes;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Microsoft.Win32.SafeHandles;

namespace Holdfast.Pods.Drives;

/// <summary>What a drive is good for.</summary>
public enum DriveState
{
    /// <summary>Read and written.</summary>
    Up,

    /// <summary>It failed a write or a sync, or answered too late: it is read, and nothing is written to it until it was looked at.</summary>
    Suspect,

    /// <summary>Its mark is not there, or another process has it: it is not touched.</summary>
    Missing,
}

/// <summary>One drive of a set: a directory on a disk of its own, with one thread that writes to it in order.</summary>
/// <remarks>A thread of its own, because a drive that hangs must hold up nobody else. Thread-safe.</remarks>
internal sealed class Drive : IDisposable
{
    private static readonly TimeSpan _limit = TimeSpan.FromMinutes(1);

    public const string ExtentFolder = "ext";
    private const string ExtentSuffix = ".hfx";

    private readonly BlockingCollection<Action> _work = [];
    private readonly SafeFileHandle? _lock;
    private readonly DirectoryHandle? _extents;
    private readonly Action<string, string> _report;
    private volatile bool _isPassedBy;
    private volatile bool _isRetired;

    private Drive(int slot, string path, DriveMark? mark, SafeFileHandle? @lock, DirectoryHandle? extents, string? reason, Action<string, string> report, TimeProvider time)
    {
        Reads = new ReadWatch(time);
        (Slot, Path, Mark, _lock, _extents, Reason, _report) = (slot, path, mark, @lock, extents, reason, report);
        State = mark is null ? DriveState.Missing : DriveState.Up;
        if (mark is not null)
        {
            new Thread(Work, maxStackSize: 256 << 10) { IsBackground = true, Name = $"drive {slot}" }.Start();
        }
    }

    /// <summary>Reads of it that are under way.</summary>
    public ReadWatch Reads { get; }

    public int Slot { get; }

    public string Path { get; }

    public DriveMark? Mark { get; }

    public DriveState State { get; private set; }

    /// <summary>Why it is not up.</summary>
    public string? Reason { get; private set; }

    public bool CanRead => State != DriveState.Missing && !_isPassedBy;

    public bool CanWrite => State == DriveState.Up;

    /// <summary>Opens a drive of <paramref name="set"/>. What is wrong with the disk makes it missing; a drive of another set or of a newer layout is a failure, for somebody mixed them up.</summary>
    public static Drive Open(int slot, string path, Guid set, Action<string, string> report, TimeProvider time)
    {
        DriveMark mark;
        try
        {
            mark = DriveMark.Read(path);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.PodUnavailable)
        {
            return new Drive(slot, path, null, null, null, exception.Message, report, time);
        }

        if (mark.Set != set || mark.Slot != slot)
        {
            throw new HoldfastException(FailureTable.ForeignDrive, $"{path} is drive {mark.Slot} of set {mark.Set}, not drive {slot} of set {set}. Nothing was touched.");
        }

        try
        {
            if (!Directory.Exists(System.IO.Path.Combine(path, ExtentFolder)))
            {
                Directory.CreateDirectory(System.IO.Path.Combine(path, ExtentFolder));
            }

            using var root = DirectoryHandle.Open(path);
            var file = OpenLock(root, out var isReadOnly);
            if (!PosixFile.TryLock(file))
            {
                file.Dispose();
                throw new HoldfastException(FailureTable.AlreadyRunning, $"Another process uses the drive {path}.");
            }

            var drive = new Drive(slot, path, mark, file, DirectoryHandle.Open(System.IO.Path.Combine(path, ExtentFolder)), null, report, time);
            if (isReadOnly)
            {
                drive.Suspect("its file system is read-only");
            }

            return drive;
        }
        catch (Exception exception) when (exception is PosixException or IOException or UnauthorizedAccessException)
        {
            return new Drive(slot, path, null, null, null, exception.Message, report, time);
        }
    }

    /// <summary>Runs something on this drive's thread, behind what was given to it before.</summary>
    public Task RunAsync(Action work) => RunAsync(() =>
    {
        work();
        return 0;
    });

    /// <summary>The same, for healing: a drive that takes longer than a minute is suspect, and whoever waited goes on.</summary>
    public async Task RunWithinLimitAsync(Action work)
    {
        try
        {
            await RunAsync(work).WaitAsync(_limit);
        }
        catch (TimeoutException)
        {
            Suspect($"it did not answer within {_limit.TotalSeconds:0} s");
            throw new PosixException("wait", Path, Errno.InputOutput);
        }
    }

    public Task<T> RunAsync<T>(Func<T> work)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        void Run()
        {
            try
            {
                done.SetResult(work());
            }
#pragma warning disable CA1031 // Whatever it is, whoever waits gets it.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                done.SetException(exception);
            }
        }

        try
        {
            _work.Add(Run);
        }
        catch (InvalidOperationException) when (_work.IsAddingCompleted)
        {
            // Replaced since it was chosen.
            done.SetException(new PosixException("use", Path, Errno.NoDevice));
        }

        return done.Task;
    }

    /// <summary>Nothing is written to it any more; it is still read.</summary>
    public void Suspect(string why)
    {
        if (State == DriveState.Up)
        {
            (State, Reason) = (DriveState.Suspect, why);
            _report("drive_suspect", $"drive {Slot} ({Path}): {why}");
        }
    }

    /// <summary>Whether readers go round it, because it does not answer.</summary>
    public void PassBy(bool isPassedBy)
    {
        if (_isPassedBy != isPassedBy)
        {
            _isPassedBy = isPassedBy;
            _report(isPassedBy ? "drive_stuck" : "drive_answers", $"drive {Slot} ({Path}) {(isPassedBy ? "does not answer; what it holds is computed from the others until it does" : "answers again")}");
        }
    }

    /// <summary>Another drive has its place: once what it was given is done, it is not touched any more, and can be unmounted.</summary>
    public void Retire()
    {
        (State, Reason, _isRetired) = (DriveState.Missing, "another drive has its place", true);
        _work.CompleteAdding();
    }

    /// <summary>The volumes that have an extent here.</summary>
    public List<uint> Volumes()
    {
        var volumes = new List<uint>();
        foreach (var file in Directory.EnumerateFiles(System.IO.Path.Combine(Path, ExtentFolder), "*" + ExtentSuffix))
        {
            if (uint.TryParse(System.IO.Path.GetFileNameWithoutExtension(file), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var volume))
            {
                volumes.Add(volume);
            }
        }

        return volumes;
    }

    /// <summary>True if there is a file for a volume, whatever is in it.</summary>
    public bool HasExtent(uint volume) => _extents!.TryStatus(NameOf(volume)) is not null;

    public SafeFileHandle OpenExtent(uint volume, bool forWriting = false) => _isRetired
        ? throw new PosixException("open", Describe(volume), Errno.NoDevice) : _extents!.OpenFile(NameOf(volume), forWriting ? OpenFlags.ReadWrite : OpenFlags.ReadOnly);

    /// <summary>Has the disk begin to read ranges of an extent, without waiting; if it cannot, whoever reads them finds out.</summary>
    public void Prefetch(uint volume, ReadOnlySpan<(long Offset, long Length)> ranges)
    {
        try
        {
            using var reading = Reads.Begin();
            using var file = OpenExtent(volume);
            foreach (var (offset, length) in ranges)
            {
                PosixFile.Prefetch(file, offset, length);
            }
        }
        catch (PosixException)
        {
            // Who reads it meets the same error, and knows what to do.
        }
    }

    /// <summary>Makes an extent's file with room for <paramref name="length"/> bytes, under a name that no reader looks for until <see cref="PublishExtent"/>.</summary>
    public SafeFileHandle CreateExtent(uint volume, long length)
    {
        var name = UnpublishedNameOf(volume);
        var file = _extents!.OpenFile(name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Truncate, 0x180);
        try
        {
            PosixFile.Reserve(file, length, Describe(volume));
            return file;
        }
        catch
        {
            file.Dispose();
            _extents.Unlink(name);
            throw;
        }
    }

    /// <summary>The extent is synced and whole as far as it goes: it gets its name, durably.</summary>
    /// <param name="volume">Whose extent it is.</param>
    /// <param name="replace">False for a new volume: what has the name already is somebody else's.</param>
    public void PublishExtent(uint volume, bool replace)
    {
        _extents!.Rename(UnpublishedNameOf(volume), _extents, NameOf(volume), replace);
        _extents.Sync();
    }

    /// <summary>An extent that was made for nothing.</summary>
    public void DropUnpublished(uint volume)
    {
        if (_extents!.TryStatus(UnpublishedNameOf(volume)) is not null)
        {
            _extents.Unlink(UnpublishedNameOf(volume));
        }
    }

    /// <summary>Extents that were being made when a process ended.</summary>
    public void DropUnpublished()
    {
        foreach (var file in Directory.EnumerateFiles(System.IO.Path.Combine(Path, ExtentFolder), "*.new"))
        {
            File.Delete(file);
        }
    }

    public string Describe(uint volume) => System.IO.Path.Combine(Path, ExtentFolder, Encoding.ASCII.GetString(NameOf(volume)));

    public void Dispose()
    {
        _work.CompleteAdding();
        _extents?.Dispose();
        _lock?.Dispose();
    }

    /// <summary>A disk that turned read-only is still read; its lock can be taken all the same.</summary>
    private static SafeFileHandle OpenLock(DirectoryHandle root, out bool isReadOnly)
    {
        isReadOnly = false;
        try
        {
            return root.OpenFile("lock"u8, OpenFlags.ReadWrite | OpenFlags.Create, 0x180);
        }
        catch (PosixException exception) when (exception.Error == Errno.ReadOnlyFileSystem)
        {
            isReadOnly = true;
            return root.OpenFile("lock"u8, OpenFlags.ReadOnly);
        }
    }

    private static byte[] NameOf(uint volume) => Encoding.ASCII.GetBytes(volume.ToString("x8", CultureInfo.InvariantCulture) + ExtentSuffix);

    private static byte[] UnpublishedNameOf(uint volume) => [.. NameOf(volume), .. ".new"u8];

    private void Work()
    {
        // Whoever reads does so on other threads.
        ThisThread.GiveWaySomewhat();
        foreach (var work in _work.GetConsumingEnumerable())
        {
            work();
        }

        if (_isRetired)
        {
            _extents?.Dispose();
            _lock?.Dispose();
        }
    }
}
