using System.Reflection;
using Holdfast.Authority.Moving;

namespace Holdfast.Moving;

/// <summary>Counts the durable steps of a mover, and does something before or behind one of them.</summary>
internal sealed class Steps(int at, bool isBehind, Func<string, Task> act)
{
    private int _count;

    public int Count => _count;

    public IMoveLedger Of(IMoveLedger ledger) => Stepping<IMoveLedger>.Make(ledger, this, "directory");

    public IMoveSide Of(IMoveSide side, string name) => Stepping<IMoveSide>.Make(side, this, name);

    public bool IsNext() => Interlocked.Increment(ref _count) == at;

    public bool IsBehind => isBehind;

    public Task ActAsync(string what) => act(what);
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
        if (!_steps.IsNext())
        {
            return targetMethod!.Invoke(_inner, args);
        }

        var answer = targetMethod!.ReturnType.IsGenericType ? targetMethod.ReturnType.GetGenericArguments()[0] : typeof(object);
        return typeof(Stepping<T>).GetMethod(targetMethod.ReturnType.IsGenericType ? nameof(StepAsync) : nameof(StepWithoutAnswerAsync), BindingFlags.NonPublic | BindingFlags.Instance)!
            .MakeGenericMethod(answer).Invoke(this, [targetMethod, args]);
    }

    private async Task<TAnswer> StepAsync<TAnswer>(MethodInfo method, object?[] args)
    {
        if (!_steps.IsBehind)
        {
            await _steps.ActAsync($"{_name} {method.Name}");
            return await (Task<TAnswer>)method.Invoke(_inner, args)!;
        }

        var answer = await (Task<TAnswer>)method.Invoke(_inner, args)!;
        await _steps.ActAsync($"{_name} {method.Name}");
        return answer;
    }

    private async Task StepWithoutAnswerAsync<TAnswer>(MethodInfo method, object?[] args)
    {
        if (!_steps.IsBehind)
        {
            await _steps.ActAsync($"{_name} {method.Name}");
        }

        await (Task)method.Invoke(_inner, args)!;
        if (_steps.IsBehind)
        {
            await _steps.ActAsync($"{_name} {method.Name}");
        }
    }
}
