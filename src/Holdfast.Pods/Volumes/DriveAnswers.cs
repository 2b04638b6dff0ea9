using Holdfast.Pods.Drives;
using Holdfast.Posix;

namespace Holdfast.Pods.Volumes;

/// <summary>Waits for drives, but not for ever: one that fails or lags far behind the others must not hold them up.</summary>
internal sealed class DriveAnswers(TimeProvider time)
{
    /// <summary>How much later than enough others a drive may answer.</summary>
    private static readonly TimeSpan _stragglerLimit = TimeSpan.FromSeconds(2);

    /// <summary>How long drives may take at all.</summary>
    private static readonly TimeSpan _hangLimit = TimeSpan.FromSeconds(30);

    /// <summary>Waits until all drives are done, or enough are and the others had their two seconds; how many succeeded. Whoever failed or did not answer is suspect.</summary>
    /// <param name="writes">What each drive was given.</param>
    /// <param name="floor">How many are enough.</param>
    /// <param name="isFullSuspect">False where a full disk is no fault: nothing was written yet.</param>
    public async Task<int> WaitForEnoughAsync(IReadOnlyList<(Drive Drive, Task Task)> writes, int floor, bool isFullSuspect = true)
    {
        var waiting = writes.ToList();
        var succeeded = 0;
        using var stop = new CancellationTokenSource();
        var limit = Task.Delay(_hangLimit, time, stop.Token);
        var isStraggling = false;
        while (waiting.Count > 0)
        {
            var first = await Task.WhenAny(waiting.Select(write => write.Task).Append(limit));
            if (first == limit && !waiting.Exists(write => write.Task.IsCompleted))
            {
                waiting.ForEach(write => write.Drive.Suspect($"it did not answer within {(isStraggling ? _stragglerLimit : _hangLimit).TotalSeconds:0} s"));
                break;
            }

            foreach (var (drive, task) in waiting.Where(write => write.Task.IsCompleted).ToList())
            {
                waiting.RemoveAll(write => write.Task == task);
                if (task.IsCompletedSuccessfully)
                {
                    succeeded++;
                }
                else if (isFullSuspect || task.Exception!.InnerException is not PosixException { IsFull: true })
                {
                    drive.Suspect(task.Exception!.InnerException!.Message);
                }
            }

            if (!isStraggling && succeeded >= floor)
            {
                isStraggling = true;
                limit = Task.Delay(_stragglerLimit, time, stop.Token);
            }
        }

        await stop.CancelAsync();
        return succeeded;
    }
}
