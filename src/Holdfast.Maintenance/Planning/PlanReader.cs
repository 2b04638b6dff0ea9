using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Holdfast.Maintenance.Planning;

/// <summary>Reads a plan's YAML event by event: nothing nests deeper than a plan does, and nothing refers to anything else in it, so that no file costs more than its length.</summary>
internal static class PlanReader
{
    public static (Dictionary<string, string> Values, List<PlanStep> Steps) Read(string yaml)
    {
        try
        {
            var parser = new Parser(new StringReader(yaml));
            parser.Consume<StreamStart>();
            parser.Consume<DocumentStart>();
            var (values, steps) = (new Dictionary<string, string>(), new List<PlanStep>());
            Start<MappingStart>(parser, "A plan is `name: …`, `start: …` and `steps:`, each on its line");
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = Text(parser, "a key");
                if (key == "steps")
                {
                    Start<SequenceStart>(parser, "`steps` is a list: each on a line, behind `- `");
                    while (!parser.TryConsume<SequenceEnd>(out _))
                    {
                        steps.Add(ReadStep(parser));
                    }
                }
                else if (!values.TryAdd(key, Text(parser, $"what `{key}` is")))
                {
                    throw Wrong(parser, $"`{key}` stands there twice");
                }
            }

            parser.Consume<DocumentEnd>();
            parser.Consume<StreamEnd>();
            return (values, steps);
        }
        catch (YamlException exception)
        {
            throw new WindowPlanException($"Line {exception.Start.Line}: {exception.InnerException?.Message ?? exception.Message}", exception);
        }
        catch (Exception exception) when (exception is InvalidOperationException or ArgumentException or IndexOutOfRangeException or FormatException)
        {
            // What the library meets unprepared (found by fuzzing): it is no YAML all the same.
            throw new WindowPlanException("Line 1: The file is not YAML.", exception);
        }
    }

    /// <summary><c>- gate</c>, or <c>- migrate: { target: second }</c>.</summary>
    private static PlanStep ReadStep(Parser parser)
    {
        if (parser.Accept<Scalar>(out _))
        {
            var alone = Text(parser, "a step");
            return new PlanStep(alone, alone, new Dictionary<string, string>(), []);
        }

        Start<MappingStart>(parser, "A step is `- KIND`, or `- KIND:` with its settings");
        var kind = Text(parser, "a kind of step");
        var (settings, name, after) = (new Dictionary<string, string>(), (string?)null, new List<string>());
        if (parser.Accept<Scalar>(out _))
        {
            if (Text(parser, "settings").Length > 0)
            {
                throw Wrong(parser, $"The settings of `{kind}` are `key: value`, each on its line");
            }
        }
        else
        {
            Start<MappingStart>(parser, $"The settings of `{kind}` are `key: value`, each on its line");
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = Text(parser, "a setting");
                var lines = Lines(parser, key);
                if (key == "name")
                {
                    name = lines is [var one] ? one : throw Wrong(parser, "A step has one name");
                }
                else if (key == "after")
                {
                    after = lines;
                }
                else if (!settings.TryAdd(key, string.Join('\n', lines)))
                {
                    throw Wrong(parser, $"`{key}` stands twice in a step");
                }
            }
        }

        return parser.TryConsume<MappingEnd>(out _) ? new PlanStep(kind, name ?? kind, settings, after) : throw Wrong(parser, $"The step `{kind}` has another one inside: each step begins with `- `, and its settings stand further to the right");
    }

    private static List<string> Lines(Parser parser, string key)
    {
        if (!parser.Accept<SequenceStart>(out _))
        {
            return [Text(parser, $"what `{key}` is")];
        }

        Start<SequenceStart>(parser, "a list");
        var lines = new List<string>();
        while (!parser.TryConsume<SequenceEnd>(out _))
        {
            lines.Add(Text(parser, $"one of `{key}`"));
        }

        return lines;
    }

    private static void Start<T>(Parser parser, string otherwise) where T : NodeEvent
    {
        if (!parser.TryConsume<T>(out var start) || !start.Anchor.IsEmpty || !start.Tag.IsEmpty)
        {
            throw Wrong(parser, otherwise);
        }
    }

    private static string Text(Parser parser, string what) =>
        parser.TryConsume<Scalar>(out var scalar) && scalar.Anchor.IsEmpty && scalar.Tag.IsEmpty ? scalar.Value : throw Wrong(parser, $"Expected {what}, on one line");

    private static WindowPlanException Wrong(Parser parser, string what) => new($"Line {parser.Current?.Start.Line ?? 0}: {what}.");
}
