using System.Collections.Concurrent;

namespace Holdfast.Client;

/// <summary>Live numbers of a restore or check. Thread-safe.</summary>
public sealed class RestoreProgress
{
    private readonly ConcurrentQueue<EntryTrouble> _troubles = new();
    private long _files;
    private long _directories;
    private long _others;
    private long _bytes;

    public RestoreProgress()
    {
    }

    /// <summary>Goes on from what an earlier run counted.</summary>
    public RestoreProgress(long files, long directories, long others, long bytes, IEnumerable<EntryTrouble> troubles) =>
        (_files, _directories, _others, _bytes, _troubles) = (files, directories, others, bytes, new ConcurrentQueue<EntryTrouble>(troubles));

    public long Files => Interlocked.Read(ref _files);

    public long Directories => Interlocked.Read(ref _directories);

    public long Others => Interlocked.Read(ref _others);

    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Entries that could not be restored as they were.</summary>
    public IReadOnlyCollection<EntryTrouble> Troubles => _troubles;

    internal void File() => Interlocked.Increment(ref _files);

    internal void Directory() => Interlocked.Increment(ref _directories);

    internal void Other() => Interlocked.Increment(ref _others);

    internal void Written(long bytes) => Interlocked.Add(ref _bytes, bytes);

    internal void Trouble(string path, string reason) => _troubles.Enqueue(new EntryTrouble(path, reason));
}
