using System.Globalization;
using Holdfast.Permissions.Applying;

namespace Holdfast.Cli;

/// <summary>A file beside a journal in which another command says how many threads the run is to have from now on.</summary>
internal sealed class ThreadsFile(string journalPath)
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(200);

    private readonly string _path = journalPath + ".threads";

    public void Write(int threads)
    {
        // Whole or not at all: the run may read at any moment.
        var fresh = $"{_path}.new";
        File.WriteAllText(fresh, threads.ToString(CultureInfo.InvariantCulture));
        File.Move(fresh, _path, overwrite: true);
    }

    /// <summary>Keeps the limit at what the file says, until it is disposed of. What an earlier run was told does not count.</summary>
    public IAsyncDisposable Watch(ThreadLimit limit)
    {
        File.Delete(_path);
        return new Watching(this, limit);
    }

    private sealed class Watching : IAsyncDisposable
    {
        private readonly CancellationTokenSource _stop = new();
        private readonly Task _watching;

        public Watching(ThreadsFile file, ThreadLimit limit)
        {
            _watching = WatchAsync(file, limit, _stop.Token);
        }

        public async ValueTask DisposeAsync()
        {
            await _stop.CancelAsync();
            await _watching;
            _stop.Dispose();
        }

        private static async Task WatchAsync(ThreadsFile file, ThreadLimit limit, CancellationToken cancellation)
        {
            using var timer = new PeriodicTimer(_interval, TimeProvider.System);
            try
            {
                while (await timer.WaitForNextTickAsync(cancellation))
                {
                    if (File.Exists(file._path) && int.TryParse(await File.ReadAllTextAsync(file._path, cancellation), CultureInfo.InvariantCulture, out var threads) && threads is >= 1 and <= ThreadLimit.Most)
                    {
                        limit.Value = threads;
                    }
                }
            }
            catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
            {
                // The run has ended.
            }
        }
    }
}
