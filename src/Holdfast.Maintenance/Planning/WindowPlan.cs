using System.Globalization;
using System.Text.RegularExpressions;

namespace Holdfast.Maintenance.Planning;

/// <summary>What is to be done in a window, and when: a file in YAML that operators write (docs/windows.md shows one).</summary>
/// <param name="Name">What it is about, as those who are affected read it.</param>
/// <param name="Start">When it begins.</param>
/// <param name="Message">What those who are affected are told besides; null for nothing.</param>
/// <param name="Steps">Its steps in the order in which they run.</param>
public sealed partial record WindowPlan(string Name, DateTimeOffset Start, string? Message, IReadOnlyList<PlanStep> Steps)
{
    /// <summary>The longest file that is read, in characters.</summary>
    public const int LengthMax = 64 * 1024;

    private const int StepsMax = 50;
    private const int NameMax = 100;
    private const int MessageMax = 4000;

    /// <summary>Reads a plan.</summary>
    /// <param name="yaml">The file.</param>
    /// <param name="kinds">Kinds of steps that there are, and the settings that each may have.</param>
    /// <exception cref="WindowPlanException">It is no plan; what is wrong, and where.</exception>
    public static WindowPlan Parse(string yaml, IReadOnlyDictionary<string, IReadOnlyCollection<string>> kinds)
    {
        if (yaml.Length > LengthMax)
        {
            throw new WindowPlanException($"A plan has at most {LengthMax} characters; this one has {yaml.Length}.");
        }

        var (values, steps) = PlanReader.Read(yaml);
        if (values.Keys.FirstOrDefault(key => key is not ("name" or "start" or "message")) is { } unknown)
        {
            throw new WindowPlanException($"A plan has `name`, `start`, `message` and `steps`, and no `{unknown}`.");
        }

        var name = values.GetValueOrDefault("name")?.Trim();
        if (name is not { Length: > 0 and <= NameMax } || name.Any(char.IsControl))
        {
            throw new WindowPlanException($"A plan's `name` is a line of 1 to {NameMax} characters.");
        }

        // A time without a zone would be another time on another computer.
        if (!values.TryGetValue("start", out var text) || !Zoned().IsMatch(text) || !DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.None, out var start))
        {
            throw new WindowPlanException($"A plan's `start` is a time with its zone, such as 2026-12-05T20:00Z or 2026-12-05T21:00+01:00{(text is null ? "" : $", not `{text}`")}.");
        }

        if (values.GetValueOrDefault("message") is { Length: > MessageMax })
        {
            throw new WindowPlanException($"A plan's `message` has at most {MessageMax} characters.");
        }

        if (steps.Count is 0 or > StepsMax)
        {
            throw new WindowPlanException($"A plan has 1 to {StepsMax} steps; this one has {steps.Count}.");
        }

        foreach (var step in steps)
        {
            Check(step, kinds);
        }

        if (steps.GroupBy(step => step.Name).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new WindowPlanException($"Two steps are called `{twice.Key}`: give one of them another `name`.");
        }

        return new WindowPlan(name, start, values.GetValueOrDefault("message"), Order(steps));
    }

    private static void Check(PlanStep step, IReadOnlyDictionary<string, IReadOnlyCollection<string>> kinds)
    {
        if (!kinds.TryGetValue(step.Kind, out var settings))
        {
            throw new WindowPlanException($"There is no kind of step called `{step.Kind}`: there are {string.Join(", ", kinds.Keys.Order(StringComparer.Ordinal))}.");
        }

        if (!StepName().IsMatch(step.Name))
        {
            throw new WindowPlanException($"A step's name is up to 40 letters, digits, `-` and `_`, not `{step.Name}`.");
        }

        if (step.Settings.FirstOrDefault(setting => setting.Value.Any(letter => char.IsControl(letter) && letter is not ('\n' or '\t'))) is { Key: { } odd })
        {
            throw new WindowPlanException($"`{odd}` of the step `{step.Name}` has a control character.");
        }

        if (step.Settings.Keys.FirstOrDefault(key => !settings.Contains(key)) is { } unknown)
        {
            throw new WindowPlanException($"The step `{step.Name}` has `{unknown}`, which {step.Kind} knows nothing of: it knows {(settings.Count == 0 ? "no settings" : string.Join(", ", settings.Order(StringComparer.Ordinal)))}, besides `name` and `after`.");
        }
    }

    /// <summary>As they stand in the file, but each behind those that it comes after.</summary>
    private static List<PlanStep> Order(IReadOnlyList<PlanStep> steps)
    {
        var (left, ordered) = (steps.ToList(), new List<PlanStep>());
        if (steps.SelectMany(step => step.After.Select(after => (step, after))).FirstOrDefault(pair => steps.All(step => step.Name != pair.after)) is { step: { } step, after: { } missing })
        {
            throw new WindowPlanException($"The step `{step.Name}` comes after `{missing}`, and there is no such step.");
        }

        while (left.Count > 0)
        {
            var next = left.Find(one => one.After.All(after => ordered.Exists(before => before.Name == after)))
                ?? throw new WindowPlanException($"These steps wait for each other: {string.Join(", ", left.Select(one => one.Name))}.");
            ordered.Add(next);
            left.Remove(next);
        }

        return ordered;
    }

    [GeneratedRegex(@"\A\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d)?(Z|[+-]\d\d:\d\d)\z")]
    private static partial Regex Zoned();

    [GeneratedRegex(@"\A[A-Za-z0-9_-]{1,40}\z")]
    private static partial Regex StepName();
}

/// <summary>A step of a plan.</summary>
/// <param name="Kind">What it does.</param>
/// <param name="Name">What it is called; its kind unless told.</param>
/// <param name="Settings">How; lists are lines.</param>
/// <param name="After">Steps that come before it, whatever the order in the file.</param>
public sealed record PlanStep(string Kind, string Name, IReadOnlyDictionary<string, string> Settings, IReadOnlyList<string> After)
{
    /// <summary>The setting that says how long a step is expected to take, where nothing else does.</summary>
    public const string Expected = "expected";

    /// <summary>The setting that lets another machine do a step again whose own is gone.</summary>
    public const string Again = "again";

    /// <summary>The same step without a setting.</summary>
    public PlanStep Without(string setting) => this with { Settings = Settings.Where(one => one.Key != setting).ToDictionary() };

    /// <summary>A setting, or null.</summary>
    public string? Find(string setting) => Settings.GetValueOrDefault(setting);

    /// <summary>A setting that has to be there.</summary>
    /// <exception cref="WindowPlanException">It is not.</exception>
    public string Require(string setting) => Find(setting) is { Length: > 0 } value ? value : throw new WindowPlanException($"The step `{Name}` ({Kind}) needs `{setting}`.");

    /// <summary>A setting that is a whole number, or null.</summary>
    /// <exception cref="WindowPlanException">It is something else, or out of range.</exception>
    public int? FindNumber(string setting, int least, int most) => Find(setting) is not { } value ? null
        : int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= least && number <= most ? number
        : throw new WindowPlanException($"`{setting}` of the step `{Name}` is a number from {least} to {most}, not `{value}`.");

    /// <summary>A setting that is a time such as 90s, 30m or 12h, or null.</summary>
    /// <exception cref="WindowPlanException">It is something else.</exception>
    public TimeSpan? FindTime(string setting) => Find(setting) is not { } value ? null
        : value.Length is > 1 and < 8 && int.TryParse(value.AsSpan(0, value.Length - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number > 0
            ? value[^1] switch { 's' => TimeSpan.FromSeconds(number), 'm' => TimeSpan.FromMinutes(number), 'h' => TimeSpan.FromHours(number), 'd' => TimeSpan.FromDays(number), _ => throw NoTime(setting, value) }
            : throw NoTime(setting, value);

    private WindowPlanException NoTime(string setting, string value) => new($"`{setting}` of the step `{Name}` is a time such as 90s, 30m, 12h or 3d, not `{value}`.");
}

/// <summary>A file that is no plan; the message says what is wrong, and where.</summary>
public sealed class WindowPlanException(string message, Exception? inner = null) : Exception(message, inner);
