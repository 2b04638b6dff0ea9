using System.Reflection;
using Holdfast.Authority.Moving;

namespace Holdfast.Moving;

/// <summary>A durable step of a mover.</summary>
/// <param name="Number">From one.</param>
/// <param name="What">The store's name, or "directory", and the call.</param>
/// <param name="Arguments">What it is called with.</param>
/// <param name="IsBehind">It is done; before that it is about to be.</param>
internal sealed record Step(int Number, string What, IReadOnlyList<object?> Arguments, bool IsBehind);

/// <summary>Counts the durable steps of a mover, and does something before and behind each.</summary>
internal sealed class Steps(Func<Step, Task> act)
{
    private int _count;

    /// <summary>A mover of a service whose steps these are.</summary>
    public Mover NewMover(MovingService service, MoverSettings? settings = null, MoveTurns? turns = null) => new(
        Stepping<IMoveLedger>.Make(service.Ledger, this, "directory"), service.Homes.ToDictionary(home => home.Key, home => Stepping<IMoveSide>.Make(service.Side(home.Key), this, home.Key)), $"mover:{Guid.NewGuid():N}",
        settings ?? MoverSettings.Default, TimeProvider.System, turns);

    public int Next() => Interlocked.Increment(ref _count);

    public Task ActAsync(Step step) => act(step);
}

#pragma warning disable CA1852 // The runtime derives from it.
/// <summary>One seam with the steps counted.</summary>
internal class Stepping<T> : DispatchProxy
    where T : class
#pragma warning restore CA1852
{
    private T _inner = null!;
    private Steps _steps = null!;
    private string _name = "";

    public static T Make(T inner, Steps steps, string name)
    {
        var made = Create<T, Stepping<T>>();
        var stepping = (Stepping<T>)(object)made;
        (stepping._inner, stepping._steps, stepping._name) = (inner, steps, name);
        return made;
    }

    protected override object? Invoke(MethodInfo? targetMethod, object?[]? args)
    {
        if (!typeof(Task).IsAssignableFrom(targetMethod!.ReturnType))
        {
            return targetMethod.Invoke(_inner, args);
        }

        var (method, step) = (targetMethod, new Step(_steps.Next(), $"{_name} {targetMethod.Name}", args!, false));
        return method.ReturnType.IsGenericType
            ? typeof(Stepping<T>).GetMethod(nameof(StepAsync), BindingFlags.NonPublic | BindingFlags.Instance)!.MakeGenericMethod(method.ReturnType.GetGenericArguments()[0]).Invoke(this, [method, args, step])
            : StepWithoutAnswerAsync(method, args!, step);
    }

    private async Task<TAnswer> StepAsync<TAnswer>(MethodInfo method, object?[] args, Step step)
    {
        await _steps.ActAsync(step);
        var answer = await (Task<TAnswer>)method.Invoke(_inner, args)!;
        await _steps.ActAsync(step with { IsBehind = true });
        return answer;
    }

    private async Task StepWithoutAnswerAsync(MethodInfo method, object?[] args, Step step)
    {
        await _steps.ActAsync(step);
        await (Task)method.Invoke(_inner, args)!;
        await _steps.ActAsync(step with { IsBehind = true });
    }
}
