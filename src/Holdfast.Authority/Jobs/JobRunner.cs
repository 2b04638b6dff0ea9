using Holdfast.Admission;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority.Jobs;

/// <summary>Runs what is due on this node, a few jobs at a time, and keeps their leases. What a killed node left is taken over when its lease has run out.</summary>
internal sealed partial class JobRunner : IAsyncDisposable
{
    private const int AtOnceMax = 4;
    private const int PromptMax = 3;

    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _pauseMax = TimeSpan.FromHours(1);

    private readonly JobTable _table;
    private readonly Dictionary<string, IJobKind> _kinds;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private readonly List<Task> _long = [];
    private readonly List<Task> _prompt = [];
    private Task _loop = Task.CompletedTask;

    public JobRunner(JobTable table, IEnumerable<IJobKind> kinds, TimeProvider time, ILogger logger)
    {
        (_table, _kinds, _time, _logger) = (table, kinds.ToDictionary(kind => kind.Name), time, logger);
    }

    /// <summary>Begins to look for work.</summary>
    public void Start() => _loop = Task.Run(LoopAsync);

    /// <summary>Stops: what runs saves nothing more and is given back, for another node to go on with.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _loop;
        await Task.WhenAll([.. _running, .. _long, .. _prompt]);
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task LoopAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await TakeAsync(_prompt, PromptMax, kind => kind.IsPrompt);
                await TakeAsync(_running, AtOnceMax, kind => !kind.IsLong && !kind.IsPrompt);
                await TakeAsync(_long, 1, kind => kind.IsLong);
                await Task.Delay(_looksEvery, _time, _stop.Token);
            }
            catch (OperationCanceledException) when (_stop.IsCancellationRequested)
            {
                return;
            }
#pragma warning disable CA1031 // The edge of a background loop: the log says it, and the loop goes on.
            catch (Exception exception)
#pragma warning restore CA1031
            {
                LogNotLooked(exception);
                await PauseAsync();
            }
        }
    }

    private async Task TakeAsync(List<Task> running, int most, Func<IJobKind, bool> isOf)
    {
        running.RemoveAll(task => task.IsCompleted);
        foreach (var isPatient in (bool[])[false, true])
        {
            List<string> kinds = [.. _kinds.Values.Where(kind => isOf(kind) && kind.IsPatient == isPatient).Select(kind => kind.Name)];
            while (kinds.Count > 0 && running.Count < most && await _table.ClaimAsync(kinds, _stop.Token) is { } lease)
            {
                running.Add(Task.Run(() => RunAsync(lease)));
            }
        }
    }

    private async Task PauseAsync()
    {
        try
        {
            await Task.Delay(_looksEvery, _time, _stop.Token);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            // The loop looks.
        }
    }

    private async Task RunAsync(JobLease lease)
    {
        using var lost = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var keeping = KeepAsync(lease, lost);
        Work.Current = new Work(WorkClass.Background, "");
        try
        {
            var again = await _kinds[lease.Job.Kind].RunAsync(lease, lost.Token);
            await (again is { } due ? _table.ReturnAsync(lease.Job, due, null, CancellationToken.None) : _table.EndAsync(lease.Job, CancellationToken.None));
            AuthorityMeter.JobRun(lease.Job.Kind, again is null ? "done" : "again");
        }
        catch (LeaseLostException exception)
        {
            AuthorityMeter.JobRun(lease.Job.Kind, "lost");
            LogLost(exception);
        }
        catch (OperationCanceledException) when (_stop.IsCancellationRequested)
        {
            AuthorityMeter.JobRun(lease.Job.Kind, "returned");
            await TryReturnAsync(lease.Job, _time.GetUtcNow(), null);
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
            AuthorityMeter.JobRun(lease.Job.Kind, "lost");
            LogLost(new LeaseLostException(lease.Job));
        }
#pragma warning disable CA1031 // The edge of a background job: the log and the job's row say it, and it is tried again.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            var pause = TimeSpan.FromSeconds(Math.Min(_pauseMax.TotalSeconds, 5 * Math.Pow(2, Math.Min(lease.Job.Attempts, 20))));
            AuthorityMeter.JobRun(lease.Job.Kind, "failed");
            LogFailed(exception, lease.Job.Kind, lease.Job.Subject, lease.Job.Attempts, pause);
            await TryReturnAsync(lease.Job, _time.GetUtcNow() + pause, exception.Message);
        }
        finally
        {
            await lost.CancelAsync();
            await keeping;
        }
    }

    /// <summary>If it cannot be given back its lease runs out.</summary>
    private async Task TryReturnAsync(Job job, DateTimeOffset dueAt, string? failure)
    {
        try
        {
            await _table.ReturnAsync(job, dueAt, failure, CancellationToken.None);
        }
#pragma warning disable CA1031 // Whatever the database says: the log has it.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            LogNotLooked(exception);
        }
    }

    /// <summary>Renews the lease while the job runs; if that fails until it has run out, or somebody else has it, the work is ended.</summary>
    private async Task KeepAsync(JobLease lease, CancellationTokenSource lost)
    {
        var renewed = _time.GetTimestamp();
        try
        {
            while (true)
            {
                await Task.Delay(JobTable.LeaseLength / 3, _time, lost.Token);
                try
                {
                    if (await _table.RenewAsync(lease.Job, null, gotOn: false, lost.Token) is null)
                    {
                        break;
                    }

                    renewed = _time.GetTimestamp();
                }
#pragma warning disable CA1031 // Whatever the database says: it is a renewal that failed.
                catch (Exception exception) when (!lost.IsCancellationRequested)
#pragma warning restore CA1031
                {
                    LogNotLooked(exception);
                    if (_time.GetElapsedTime(renewed) > JobTable.LeaseLength)
                    {
                        break;
                    }
                }
            }

            await lost.CancelAsync();
        }
        catch (OperationCanceledException) when (lost.IsCancellationRequested)
        {
            // The job has ended, or the node stops.
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Jobs could not be looked at; the next look is soon.")]
    private partial void LogNotLooked(Exception exception);

    [LoggerMessage(Level = LogLevel.Warning, Message = "A job was taken over by another node.")]
    private partial void LogLost(Exception exception);

    [LoggerMessage(Level = LogLevel.Error, Message = "Job {Kind} {Subject} failed, attempt {Attempt}; the next in {Pause}.")]
    private partial void LogFailed(Exception exception, string kind, string subject, long attempt, TimeSpan pause);
}
