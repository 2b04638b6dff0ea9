using System.Text;
using System.Threading.Channels;
using Holdfast.Client.Archiving;
using Holdfast.Client.Restoring;
using Holdfast.Format.Trees;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client;

/// <summary>Forms of archives.</summary>
public enum ArchiveKind
{
    /// <summary>ZIP64, opened everywhere; names that are no UTF-8, fifos, sockets and devices do not fit.</summary>
    Zip,

    /// <summary>A pax tar: all but sockets fits.</summary>
    Tar,
}

/// <summary>What to put into an archive.</summary>
public sealed record ArchiveOptions
{
    public required ArchiveKind Kind { get; init; }

    /// <summary>Paths in the snapshot, with everything below them; none means all.</summary>
    public IReadOnlyList<string> Include { get; init; } = [];

    /// <summary>A folder for what is kept until the end (a ZIP's directory); it is removed again.</summary>
    public required string Scratch { get; init; }

    /// <summary>Writes what could not be put in as it was into the archive too, as <see cref="Archive.ReportName"/>.</summary>
    public bool WithReport { get; init; }
}

/// <summary>How far a ZIP has come, between two entries.</summary>
/// <param name="Last">The last path of the snapshot that is behind it, in it or not; null at its beginning.</param>
/// <param name="Length">Bytes of the archive.</param>
/// <param name="Entries">Entries in it.</param>
public sealed record ArchiveProgress(byte[]? Last, long Length, long Entries);

/// <summary>Makes one archive of a snapshot or parts of it: walk the tree → fetch and open frames ahead → write, in order, in constant memory.</summary>
public sealed class Archive(OpenedAccount account)
{
    /// <summary>What is missing, in archives that tell it.</summary>
    public const string ReportName = "holdfast-report.txt";

    /// <summary>Chunks on their way: 8 MiB of mean length, 32 MiB at most.</summary>
    private const int StepsAheadMax = 128;

    /// <summary>Writes an archive from its beginning; what could not be put in stands in <paramref name="progress"/>.</summary>
    public async Task WriteAsync(OpenedSnapshot snapshot, ArchiveOptions options, Stream output, RestoreProgress progress, CancellationToken cancellation)
    {
        if (options.Kind == ArchiveKind.Tar)
        {
            await RunAsync(snapshot, options, new TarFormat(output), null, null, progress, cancellation);
            return;
        }

        await using var directory = new FileStream(Path.Combine(options.Scratch, $"zip-directory-{Guid.NewGuid():N}"), new FileStreamOptions
        {
            Mode = FileMode.CreateNew, Access = FileAccess.ReadWrite, Options = FileOptions.DeleteOnClose, UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        });
        await RunAsync(snapshot, options, new ZipFormat(output, directory), null, null, progress, cancellation);
    }

    /// <summary>Writes a ZIP, or goes on with one that was begun.</summary>
    /// <param name="snapshot">What is in it.</param>
    /// <param name="options">Which of it: the same as when it was begun.</param>
    /// <param name="output">Takes the archive; stands behind what is there already.</param>
    /// <param name="directory">Keeps its directory; stands behind what is there already.</param>
    /// <param name="from">How far it came.</param>
    /// <param name="reached">Called after each entry.</param>
    /// <param name="progress">Counts.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task ContinueZipAsync(
        OpenedSnapshot snapshot, ArchiveOptions options, Stream output, Stream directory, ArchiveProgress from, Func<ArchiveProgress, CancellationToken, ValueTask> reached, RestoreProgress progress, CancellationToken cancellation)
    {
        var zip = new ZipFormat(output, directory, from.Length, from.Entries);
        await RunAsync(snapshot, options, zip, from.Last, (last, token) => reached(new ArchiveProgress(last, zip.Written, zip.Entries), token), progress, cancellation);
    }

    private async Task RunAsync(
        OpenedSnapshot snapshot, ArchiveOptions options, IArchiveFormat format, byte[]? behind, Func<byte[], CancellationToken, ValueTask>? entryDone, RestoreProgress progress, CancellationToken cancellation)
    {
        var map = await account.ReadMapAsync(snapshot, cancellation);
        using var blobs = await account.NewBlobReaderAsync(map, cancellation);
        await account.Source.OpenAsync(options.Include.Count == 0 ? map.Packs : [], cancellation);
        var selection = new PathSelection(options.Include);
        var steps = Channel.CreateBounded<ArchiveStep>(new BoundedChannelOptions(StepsAheadMax) { SingleReader = true, SingleWriter = true });
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var reader = new ArchiveReader(new TreeReader(blobs), blobs, selection, format.HasHardLinks, behind, steps.Writer);
        var filler = new ArchiveFiller(format, progress, entryDone);
        try
        {
            await Stages.RunAllAsync(stop, [
                Task.Run(() => reader.RunAsync(snapshot.Body.Root, stop.Token), stop.Token),
                Task.Run(() => filler.RunAsync(steps.Reader, stop.Token), stop.Token)]);
        }
        finally
        {
            await reader.SettleAsync();
        }

        if (selection.Missing.ToList() is { Count: > 0 } missing)
        {
            if (missing.Count == options.Include.Count)
            {
                throw new HoldfastException(FailureTable.NotFound, $"The snapshot has no {string.Join(", ", missing)}.");
            }

            missing.ForEach(path => progress.Trouble(path, "the snapshot has nothing of that name"));
        }

        if (options.WithReport && progress.TroubleCount > 0)
        {
            await ReportAsync(snapshot, format, progress, cancellation);
        }

        await format.FinishAsync(cancellation);
    }

    private static async Task ReportAsync(OpenedSnapshot snapshot, IArchiveFormat format, RestoreProgress progress, CancellationToken cancellation)
    {
        var text = Encoding.UTF8.GetBytes("Not in this archive as it was backed up:\n" + string.Concat(progress.Troubles.Select(trouble => $"{Printable(trouble.Path)}: {Printable(trouble.Reason)}\n"))
            + (progress.TroubleCount > progress.Troubles.Count ? $"and {progress.TroubleCount - progress.Troubles.Count} more\n" : ""));
        var entry = new TreeEntry
        {
            Name = Encoding.UTF8.GetBytes(ReportName), Type = EntryType.File, Mode = 0x1A4, Owner = 0, Group = 0, ModifiedSeconds = snapshot.ReceivedAt.ToUnixTimeSeconds(), ModifiedNanoseconds = 0, Size = (ulong)text.Length,
        };
        await format.BeginAsync(new ArchiveEntry(entry.Name, entry, []), cancellation);
        await format.WriteAsync(text, cancellation);
        await format.EndAsync(cancellation);
    }

    private static string Printable(string text) => string.Concat(text.Select(letter => char.IsControl(letter) ? '\uFFFD' : letter));
}
