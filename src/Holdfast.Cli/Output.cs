using System.Text.Json;
using System.Text.Json.Nodes;
using Holdfast.Client;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>What a verb says: plain words, or JSON lines with a <c>message_type</c>; never both.</summary>
internal sealed class Output(bool json, bool quiet)
{
    public bool IsJson => json;

    /// <summary>Progress is drawn only where somebody can see it.</summary>
    public bool ShowsProgress => !json && !quiet && !Console.IsErrorRedirected;

    /// <summary>A sentence for people.</summary>
    public void Say(string text)
    {
        if (!json && !quiet)
        {
            Console.WriteLine(text);
        }
    }

    /// <summary>A line that even --quiet prints.</summary>
    public void Print(string text)
    {
        if (!json)
        {
            Console.WriteLine(text);
        }
    }

    /// <summary>A JSON line for programs.</summary>
    public void Message(string type, params (string Name, JsonNode? Value)[] fields)
    {
        if (json)
        {
            Console.WriteLine(Line(type, fields));
        }
    }

    /// <summary>Entries that could not be read or restored.</summary>
    public void Troubles(IReadOnlyCollection<EntryTrouble> troubles)
    {
        foreach (var trouble in troubles)
        {
            if (json)
            {
                Message("error", ("path", trouble.Path), ("message", trouble.Reason));
            }
            else
            {
                Console.Error.WriteLine($"holdfast: {trouble.Path}: {trouble.Reason}");
            }
        }
    }

    /// <summary>The last word of a command that failed.</summary>
    public void Failure(FailureKind kind, string detail)
    {
        if (json)
        {
            Console.Error.WriteLine(Line("exit_error", [("code", kind.Code), ("message", detail), ("guidance", kind.Guidance), ("exit_code", kind.ExitCode)]));
        }
        else
        {
            Console.Error.WriteLine($"holdfast: {detail}\n  {kind.Guidance} [{kind.Code}]");
        }
    }

    private static string Line(string type, (string Name, JsonNode? Value)[] fields)
    {
        var line = new JsonObject { ["message_type"] = type };
        foreach (var (name, value) in fields)
        {
            line[name] = value;
        }

        return line.ToJsonString(JsonSerializerOptions.Web);
    }
}
