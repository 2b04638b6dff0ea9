using System.Text;
using System.Threading.Channels;
using Holdfast.Client.Indexing;
using Holdfast.Format;
using Holdfast.Format.Objects;
using Holdfast.Format.Trees;
using Holdfast.Posix;

namespace Holdfast.Client.Walking;

/// <summary>Walks the paths in the order of their bytes beside the last listing: what is unchanged is taken from there, files that changed go to the readers.</summary>
internal sealed class TreeWalker(
    WalkPlan plan, Exclusions exclusions, ListingReader? listing, FrameRegistry frames, IReadOnlySet<Address> dead, FileSystems fileSystems,
    BackupProgress progress, ChannelWriter<WalkStep> steps, ChannelWriter<FileJob> jobs)
{
    private const int LevelsPerStack = 64;

    private readonly List<byte[]> _path = [];
    private ulong _device;

    public async Task WalkAsync(CancellationToken cancellation)
    {
        try
        {
            using var root = new SharedDirectory(DirectoryHandle.Open("/"u8));
            _device = DirectoryHandle.StatusOf(root.Handle.Handle).Device;
            await VisitDirectoryAsync(root, plan, depth: -1, isKnown: listing is not null, cancellation);
            progress.IsWalked = true;
            steps.Complete();
        }
#pragma warning disable CA1031 // Handed on through the queue: whoever waits for the next step gets it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            steps.Complete(exception);
        }
        finally
        {
            jobs.Complete();
        }
    }

    /// <summary>Visits what is wanted of an open directory; its own entry has been announced.</summary>
    private async Task VisitDirectoryAsync(SharedDirectory directory, WalkPlan? wanted, int depth, bool isKnown, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (depth % LevelsPerStack == LevelsPerStack - 1)
        {
            // Goes on with an empty stack: a chain of directories must not be able to end the program.
            await Task.Yield();
        }

        if (wanted is { IsWhole: false })
        {
            foreach (var (name, child) in wanted.Children)
            {
                await VisitEntryAsync(directory, name, child.IsWhole ? null : child, depth + 1, isKnown, isRequested: true, cancellation);
            }

            return;
        }

        var names = SortedNames.Read(directory.Handle);
        for (var i = 0; i < names.Count; i++)
        {
            await VisitEntryAsync(directory, names[i], null, depth + 1, isKnown, isRequested: false, cancellation);
        }
    }

    private async Task VisitEntryAsync(SharedDirectory directory, byte[] name, WalkPlan? wanted, int depth, bool isKnown, bool isRequested, CancellationToken cancellation)
    {
        var outerDevice = _device;
        try
        {
            if (directory.Handle.TryStatus(name) is not { } status)
            {
                // Vanished since it was listed: as if it had never been there.
                return;
            }

            if (isRequested)
            {
                // Each path that was asked for stays on its own file system.
                _device = status.Device;
            }
            else if (exclusions.Excludes(_path, name, status) || (exclusions.OneFileSystem && status.Device != _device))
            {
                return;
            }

            fileSystems.Add(status.Device);
            var isRemembered = isKnown && listing!.Seek(depth, name);
            if (status.Kind == FileKind.Directory)
            {
                await VisitSubdirectoryAsync(directory, name, status, wanted, depth, isRemembered, cancellation);
                return;
            }

            var step = isRemembered && Reuse(listing!.Current!, status) is { } unchanged ? unchanged : Describe(directory, name, status);
            progress.Found(status);
            await steps.WriteAsync(step, cancellation);
            if (step is FileToRead { Job: var job })
            {
                await jobs.WriteAsync(job, cancellation);
            }
        }
        catch (PosixException exception)
        {
            progress.Unreadable(PathOf(name), exception.Message);
        }
        finally
        {
            _device = outerDevice;
        }
    }

    private async Task VisitSubdirectoryAsync(
        SharedDirectory parent, byte[] name, FileStatus status, WalkPlan? wanted, int depth, bool isRemembered, CancellationToken cancellation)
    {
        using var directory = new SharedDirectory(parent.Handle.OpenDirectory(name));
        if (isRemembered)
        {
            isRemembered = listing!.Current!.Kind == FileKind.Directory;
            listing.Advance();
        }

        var entry = Entries.Of(name, status, EntryType.Directory, Attributes(name, () => PosixAttributes.List(directory.Handle.Handle, PathOf(name))));
        progress.Found(status);
        await steps.WriteAsync(new EnterDirectory(name, entry, status), cancellation);
        _path.Add(name);
        try
        {
            if (depth >= Limits.DepthMax)
            {
                progress.Unreadable(PathOf([]), $"it is {Limits.DepthMax} directories deep: what is below is left out");
            }
            else if (wanted is not null || !exclusions.ExcludesContent(directory.Handle, status))
            {
                await VisitDirectoryAsync(directory, wanted, depth, isRemembered, cancellation);
            }
        }
        catch (PosixException exception)
        {
            progress.Unreadable(PathOf([]), exception.Message);
        }
        finally
        {
            _path.RemoveAt(_path.Count - 1);
        }

        if (isRemembered)
        {
            listing!.LeaveBelow(depth);
        }

        await steps.WriteAsync(new LeaveDirectory(), cancellation);
    }

    /// <summary>The remembered entry, if the file is the same and all its frames are still there.</summary>
    private FinishedEntry? Reuse(ListingRecord record, in FileStatus status)
    {
        if (!record.IsUnchanged(status) || record.Frames.Any(ordinal => ordinal == uint.MaxValue || dead.Contains(frames[ordinal])))
        {
            return null;
        }

        // Hard links carry the ordinal of their file system in the order of a walk: it must be the same in this one.
        return status.Links > 1 && TreeEntry.Decode(record.Encoded).HardLink?.FileSystem != fileSystems.OrdinalOf(status.Device)
            ? null
            : new FinishedEntry(record.Name, status, record.Encoded, record.Frames, IsUnchanged: true);
    }

    private WalkStep Describe(SharedDirectory directory, byte[] name, in FileStatus status)
    {
        if (status.Kind == FileKind.File)
        {
            return new FileToRead(name, status, new FileJob(directory.Hold(), name, PathOf(name), status));
        }

        var attributes = Attributes(name, () => PosixAttributes.List(directory.Handle.ProcPath(name)));
        if (ExtendedAttributes.Encode(attributes).Length > ExtendedAttributes.InlineLengthMax)
        {
            progress.Unreadable(PathOf(name), "its extended attributes are longer than are kept for what is neither file nor directory; the rest of it is kept");
            attributes = [];
        }

        var entry = Entries.Of(name, status, Entries.TypeOf(status.Kind), attributes) with
        {
            LinkTarget = status.Kind == FileKind.SymbolicLink ? directory.Handle.ReadLink(name) : null,
            Device = status.Kind is FileKind.CharacterDevice or FileKind.BlockDevice ? (status.DeviceMajor, status.DeviceMinor) : null,
            HardLink = fileSystems.HardLinkOf(status),
        };
        return new FinishedEntry(name, status, entry.Encode(), [], IsUnchanged: false);
    }

    /// <summary>Attributes that cannot be read are reported; the entry is kept without them.</summary>
    private List<ExtendedAttribute> Attributes(byte[] name, Func<List<(byte[] Name, byte[] Value)>> read)
    {
        try
        {
            return Entries.Attributes(read());
        }
        catch (PosixException exception)
        {
            progress.Unreadable(PathOf(name), exception.Message);
            return [];
        }
    }

    private string PathOf(byte[] name) => "/" + string.Join('/', _path.Append(name).Where(part => part.Length > 0).Select(Encoding.UTF8.GetString));
}
