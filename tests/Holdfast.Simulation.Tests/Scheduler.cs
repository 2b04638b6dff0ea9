namespace Holdfast.Simulation.Tests;

/// <summary>Somebody who acts in a simulation. Each step may be its last, or its answer be lost.</summary>
internal sealed class Actor(string name, double crashes)
{
    public string Name { get; } = name;

    /// <summary>How likely a step is its last, and how likely it goes on without an answer.</summary>
    public double Crashes { get; } = crashes;

    public bool IsDead { get; set; }
}

/// <summary>The process is gone; what it had under way in a database is undone there.</summary>
internal sealed class CrashedException() : Exception("crashed");

/// <summary>A database did not answer: whether it did what it was asked is not known, and the process goes on.</summary>
internal sealed class AnswerLostException() : Exception("no answer");

/// <summary>Lets actors go on one at a time, in an order that a seed decides: the same seed, the same history. All run on the thread that calls.</summary>
internal sealed class Scheduler(int seed)
{
    /// <summary>How likely a step is followed by a pause: a page that is swapped out, a virtual machine that is moved. Most are short, some longer than several whole moves.</summary>
    private const double Stalls = 0.02;

    private const double StallExponentMost = 3.7;

    private readonly List<(Actor Actor, TaskCompletionSource Turn, int NotBefore)> _waiting = [];

    public Random Random { get; } = new(seed);

    /// <summary>Steps that were taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Nobody crashes or stalls any more: what is begun comes to its end.</summary>
    public bool IsCalm { get; set; }

    /// <summary>Waits for the actor's next turn, which may never come.</summary>
    public Task StepAsync(Actor actor)
    {
        if (actor.IsDead)
        {
            return Task.FromException(new CrashedException());
        }

        // Continuations run within SetResult, on the scheduler's thread.
        var turn = new TaskCompletionSource();
        var pause = !IsCalm && Random.NextDouble() < Stalls ? (int)Math.Pow(10, Random.NextDouble() * StallExponentMost) : 0;
        _waiting.Add((actor, turn, Steps + pause));
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
            for (var tries = 0; tries < 3 * _waiting.Count && _waiting[next].NotBefore > Steps && !IsCalm; tries++)
            {
                next = Random.Next(_waiting.Count);
            }

            var (actor, turn, _) = _waiting[next];
            _waiting[next] = _waiting[^1];
            _waiting.RemoveAt(_waiting.Count - 1);
            var fate = IsCalm ? 1 : Random.NextDouble();
            if (fate < actor.Crashes)
            {
                actor.IsDead = true;
                turn.SetException(new CrashedException());
            }
            else if (fate < 2 * actor.Crashes)
            {
                turn.SetException(new AnswerLostException());
            }
            else
            {
                turn.SetResult();
            }
        }

        return _waiting.Count == 0;
    }
}
