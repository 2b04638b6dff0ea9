using System.Collections.Concurrent;

namespace Holdfast.Client;

/// <summary>Live numbers of a restore or check. Thread-safe.</summary>
public sealed class RestoreProgress
{
    /// <summary>What millions of troubles would take is not held.</summary>
    private const int TroublesKeptMax = 10_000;

    private readonly ConcurrentQueue<EntryTrouble> _troubles = new();
    private long _troubleCount;
    private long _files;
    private long _directories;
    private long _others;
    private long _bytes;

    public RestoreProgress()
    {
    }

    /// <summary>Goes on from what an earlier run counted.</summary>
    public RestoreProgress(long files, long directories, long others, long bytes, IEnumerable<EntryTrouble> troubles, long troubleCount) =>
        (_files, _directories, _others, _bytes, _troubles, _troubleCount) = (files, directories, others, bytes, new ConcurrentQueue<EntryTrouble>(troubles), troubleCount);

    public long Files => Interlocked.Read(ref _files);

    public long Directories => Interlocked.Read(ref _directories);

    public long Others => Interlocked.Read(ref _others);

    public long Bytes => Interlocked.Read(ref _bytes);

    /// <summary>Entries that could not be restored as they were; of very many, the first.</summary>
    public IReadOnlyCollection<EntryTrouble> Troubles => _troubles;

    /// <summary>How many there are in all.</summary>
    public long TroubleCount => Interlocked.Read(ref _troubleCount);

    internal void File() => Interlocked.Increment(ref _files);

    internal void Directory() => Interlocked.Increment(ref _directories);

    internal void Other() => Interlocked.Increment(ref _others);

    internal void Written(long bytes) => Interlocked.Add(ref _bytes, bytes);

    internal void Trouble(string path, string reason)
    {
        if (Interlocked.Increment(ref _troubleCount) <= TroublesKeptMax)
        {
            _troubles.Enqueue(new EntryTrouble(path, reason));
        }
    }
}
