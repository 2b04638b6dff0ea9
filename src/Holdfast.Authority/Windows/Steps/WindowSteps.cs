using Holdfast.Maintenance.Planning;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>The kinds of steps that there are.</summary>
internal sealed class WindowSteps(IReadOnlyList<IWindowStep> kinds)
{
    private readonly Dictionary<string, IWindowStep> _kinds = kinds.ToDictionary(kind => kind.Kind);
    private readonly Dictionary<string, IReadOnlyCollection<string>> _settings = kinds.ToDictionary(kind => kind.Kind, kind => kind.Settings);

    public IWindowStep this[PlanStep step] => _kinds[step.Kind];

    /// <summary>What their volumes are counted by.</summary>
    public IReadOnlyCollection<string> Metrics { get; } = [.. kinds.SelectMany(kind => kind.Metrics).Distinct()];

    /// <summary>What actuals call what they do.</summary>
    public IReadOnlyCollection<string> Works { get; } = [.. kinds.Select(kind => kind.Work).OfType<string>().Distinct()];

    /// <summary>Reads a plan.</summary>
    /// <exception cref="HoldfastException"><see cref="FailureTable.InvalidPlan"/>: what is wrong with it, and where.</exception>
    public WindowPlan Parse(string yaml) => Translated(() => WindowPlan.Parse(yaml, _settings));

    /// <summary>Has every step say what is wrong with it.</summary>
    /// <exception cref="HoldfastException">What it says.</exception>
    public async Task CheckAsync(WindowPlan plan, CancellationToken cancellation)
    {
        foreach (var step in plan.Steps)
        {
            try
            {
                await this[step].CheckAsync(step, cancellation);
            }
            catch (WindowPlanException exception)
            {
                throw Translate(exception);
            }
            catch (HoldfastException exception)
            {
                throw new HoldfastException(exception.Kind, $"The step `{step.Name}`: {exception.Message}", exception);
            }
        }
    }

    public static T Translated<T>(Func<T> read)
    {
        try
        {
            return read();
        }
        catch (WindowPlanException exception)
        {
            throw Translate(exception);
        }
    }

    private static HoldfastException Translate(WindowPlanException exception) => new(FailureTable.InvalidPlan, exception.Message, exception);
}
