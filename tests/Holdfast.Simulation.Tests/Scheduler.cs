namespace Holdfast.Simulation.Tests;

/// <summary>Somebody who acts in a simulation. Each step may be its last.</summary>
internal sealed class Actor(string name, double crashes)
{
    public string Name { get; } = name;

    /// <summary>How likely a step is its last.</summary>
    public double Crashes { get; } = crashes;
}

/// <summary>The process is gone; what it had under way in a database is undone there.</summary>
internal sealed class CrashedException() : Exception("crashed");

/// <summary>Lets actors go on one at a time, in an order that a seed decides: the same seed, the same history. All run on the thread that calls.</summary>
internal sealed class Scheduler(int seed)
{
    /// <summary>How likely a step is followed by a long pause: a page that is swapped out, a virtual machine that is moved.</summary>
    private const double Stalls = 0.02;

    private const int StallMost = 400;

    private readonly List<(Actor Actor, TaskCompletionSource Turn, int NotBefore)> _waiting = [];

    public Random Random { get; } = new(seed);

    /// <summary>Steps that were taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Nobody crashes any more: what is begun comes to its end.</summary>
    public bool IsCalm { get; set; }

    /// <summary>Waits for the actor's next turn, which may never come.</summary>
    public Task StepAsync(Actor actor)
    {
        // Continuations run within SetResult, on the scheduler's thread.
        var turn = new TaskCompletionSource();
        _waiting.Add((actor, turn, !IsCalm && Random.NextDouble() < Stalls ? Steps + Random.Next(StallMost) : 0));
        return turn.Task;
    }

    /// <summary>Goes on until nobody waits, or for so many steps.</summary>
    /// <returns>False if some still wait.</returns>
    public bool Run(int most)
    {
        for (var i = 0; i < most && _waiting.Count > 0; i++)
        {
            Steps++;
            var next = Random.Next(_waiting.Count);
            for (var tries = 0; tries < 2 * _waiting.Count && _waiting[next].NotBefore > Steps; tries++)
            {
                next = Random.Next(_waiting.Count);
            }

            var (actor, turn, _) = _waiting[next];
            _waiting[next] = _waiting[^1];
            _waiting.RemoveAt(_waiting.Count - 1);
            if (!IsCalm && Random.NextDouble() < actor.Crashes)
            {
                turn.SetException(new CrashedException());
            }
            else
            {
                turn.SetResult();
            }
        }

        return _waiting.Count == 0;
    }
}
