using System.Collections.Concurrent;

namespace Holdfast.Admission;

/// <summary>Runs work that gives way to everything else of its process, on threads of its own: no more of its steps are under way at once than there are processors, however many of its pieces are. Thread-safe.</summary>
/// <remarks>
/// A step is what runs between two waits; what waits for a disk, a database or another server takes no place, so this limits nothing but the processor. Without it hundreds of backups that go on in the
/// same moment are hundreds of steps before a restore's next one.
/// </remarks>
public sealed class GivingWay : TaskScheduler, IDisposable
{
    private readonly BlockingCollection<Task> _steps = [];
    private readonly TaskFactory _factory;
    private readonly int _processors;

    /// <param name="name">Of its threads.</param>
    /// <param name="prepareThread">Called at the beginning of each, to lower what the machine gives it.</param>
    /// <param name="processors">Steps at once; as many as there are processors unless given.</param>
    public GivingWay(string name, Action prepareThread, int? processors = null)
    {
        (_factory, _processors) = (new TaskFactory(this), Math.Max(1, processors ?? Environment.ProcessorCount));
        for (var thread = 0; thread < _processors; thread++)
        {
            new Thread(() =>
            {
                prepareThread();
                foreach (var step in _steps.GetConsumingEnumerable())
                {
                    TryExecuteTask(step);
                }
            })
            { IsBackground = true, Name = name }.Start();
        }
    }

    public override int MaximumConcurrencyLevel => _processors;

    /// <summary>Runs work step by step; a failure is thrown as it was.</summary>
    public Task RunAsync(Func<Task> work) => _factory.StartNew(work, CancellationToken.None).Unwrap();

    /// <summary>Lets its threads end once nothing waits; nothing may be begun after.</summary>
    public void Dispose() => _steps.CompleteAdding();

    /// <remarks>What is still under way when its threads have ended goes on elsewhere: others wait for what it holds.</remarks>
    protected override void QueueTask(Task task)
    {
        if (!TryAdd(task))
        {
            ThreadPool.UnsafeQueueUserWorkItem(_ => TryExecuteTask(task), null);
        }
    }

    private bool TryAdd(Task task)
    {
        try
        {
            _steps.Add(task);
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    /// <remarks>What another thread waits for is not run on that: it has another priority.</remarks>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

    protected override IEnumerable<Task> GetScheduledTasks() => _steps;
}
