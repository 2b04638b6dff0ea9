using System.Text.Json;
using System.Text.Json.Nodes;

namespace Holdfast.Scenarios.Tests;

/// <summary>The API is described by the code and by docs/openapi.json, on which others build: what is there stays.</summary>
public sealed class ApiDocumentTests : Scenario
{
    private static readonly string _committed = Path.Combine(Programs.Root, "docs", "openapi.json");

    [Fact]
    public async Task The_api_breaks_nothing_that_the_committed_document_promises_and_the_document_names_all_of_it()
    {
        using var http = new HttpClient { BaseAddress = new Uri(Service.Url) };
        var current = JsonNode.Parse(await http.GetStringAsync("/openapi/v1.json", Cancellation))!;
        Assert.StartsWith("3.1", current["openapi"]!.GetValue<string>(), StringComparison.Ordinal);
        var committed = JsonNode.Parse(await File.ReadAllTextAsync(_committed, Cancellation))!;
        Assert.Empty(Breaks(committed, current));
        if (Environment.GetEnvironmentVariable("HOLDFAST_WRITE_OPENAPI") == "1")
        {
            await File.WriteAllTextAsync(_committed, current.ToJsonString(new JsonSerializerOptions { WriteIndented = true }) + "\n", Cancellation);
        }

        Assert.True(JsonNode.DeepEquals(committed, current), "the API has something that docs/openapi.json does not name: HOLDFAST_WRITE_OPENAPI=1 ./test The_api_breaks writes it (and refuses what breaks)");
    }

    [Fact]
    public async Task A_change_that_breaks_callers_is_found()
    {
        var committed = await File.ReadAllTextAsync(_committed, Cancellation);
        void Finds(string what, Action<JsonNode> change)
        {
            var changed = JsonNode.Parse(committed)!;
            change(changed);
            Assert.Contains(Breaks(JsonNode.Parse(committed)!, changed), line => line.Contains(what, StringComparison.Ordinal));
        }

        Assert.Empty(Breaks(JsonNode.Parse(committed)!, JsonNode.Parse(committed)!));
        Finds("/v1/jobs is gone", document => document["paths"]!.AsObject().Remove("/v1/jobs"));
        Finds("get /v1/accounts is gone", document => document["paths"]!["/v1/accounts"]!.AsObject().Remove("get"));
        Finds("its response 200 is not what it was", document => document["paths"]!["/v1/jobs"]!["get"]!["responses"]!.AsObject().Remove("200"));
        Finds("its response default is not what it was", document => document["paths"]!["/v1/jobs"]!["get"]!["responses"]!["default"]!["content"] = new JsonObject());
        Finds("may not be left out", document => document["paths"]!["/v1/growth"]!["get"]!["parameters"]![0]!["required"] = true);
        Finds("JobSummary.state is gone", document => document["components"]!["schemas"]!["JobSummary"]!["properties"]!.AsObject().Remove("state"));
        Finds("JobSummary.state is not what it was", document => document["components"]!["schemas"]!["JobSummary"]!["properties"]!["state"]!["type"] = "integer");
        Finds("CreateAccount.name is not what it was", document => document["components"]!["schemas"]!["CreateAccount"]!["properties"]!["name"]!["maxLength"] = 3);
        Finds("Problem.code is not what it was", document => document["components"]!["schemas"]!["Problem"]!["properties"]!["code"]!["enum"]!.AsArray().RemoveAt(0));
        Finds("must be sent now", document =>
        {
            document["components"]!["schemas"]!["CreateAccount"]!["properties"]!["plan"] = new JsonObject { ["type"] = "string" };
            document["components"]!["schemas"]!["CreateAccount"]!["required"]!.AsArray().Add("plan");
        });
    }

    /// <summary>What a caller written for the one would stumble over in the other.</summary>
    private static List<string> Breaks(JsonNode before, JsonNode after)
    {
        var breaks = new List<string>();
        foreach (var (path, item) in before["paths"]!.AsObject())
        {
            if (after["paths"]![path] is not { } there)
            {
                breaks.Add($"{path} is gone");
                continue;
            }

            foreach (var (method, operation) in item!.AsObject())
            {
                if (there[method] is not { } now)
                {
                    breaks.Add($"{method} {path} is gone");
                    continue;
                }

                Compare(breaks, $"{method} {path}", operation!, now);
            }
        }

        foreach (var (name, schema) in before["components"]!["schemas"]!.AsObject())
        {
            if (after["components"]!["schemas"]![name] is { } now)
            {
                CompareSchema(breaks, name, schema!, now);
            }
            else
            {
                breaks.Add($"{name} is gone");
            }
        }

        return breaks;
    }

    private static void Compare(List<string> breaks, string where, JsonNode before, JsonNode after)
    {
        var known = Parameters(before).ToDictionary(parameter => parameter["name"]!.GetValue<string>());
        foreach (var parameter in Parameters(after).Where(parameter => parameter["required"]?.GetValue<bool>() == true))
        {
            var name = parameter["name"]!.GetValue<string>();
            if (known.GetValueOrDefault(name)?["required"]?.GetValue<bool>() != true)
            {
                breaks.Add($"{where}: {name} may not be left out now");
            }
        }

        foreach (var name in known.Keys.Except(Parameters(after).Select(parameter => parameter["name"]!.GetValue<string>())))
        {
            breaks.Add($"{where}: {name} is not taken any more");
        }

        if (before["requestBody"] is { } body && !JsonNode.DeepEquals(body, after["requestBody"]))
        {
            breaks.Add($"{where}: its requestBody is not what it was");
        }

        foreach (var (status, response) in before["responses"]?.AsObject() ?? [])
        {
            if (!JsonNode.DeepEquals(response, after["responses"]?[status]))
            {
                breaks.Add($"{where}: its response {status} is not what it was");
            }
        }
    }

    private static void CompareSchema(List<string> breaks, string name, JsonNode before, JsonNode after)
    {
        foreach (var (property, type) in before["properties"]?.AsObject() ?? [])
        {
            if (after["properties"]?[property] is not { } now)
            {
                breaks.Add($"{name}.{property} is gone");
            }
            else if (!JsonNode.DeepEquals(WithoutCodes(type!), WithoutCodes(now)) || Codes(type!).Except(Codes(now)).Any())
            {
                breaks.Add($"{name}.{property} is not what it was");
            }
        }

        // New codes of failures are added as time goes by; a caller that does not know one goes by the status.
        static JsonNode WithoutCodes(JsonNode type)
        {
            var copy = type.DeepClone();
            (copy as JsonObject)?.Remove("enum");
            return copy;
        }

        static IEnumerable<string> Codes(JsonNode type) => ((type as JsonObject)?["enum"]?.AsArray() ?? []).Select(code => code?.ToJsonString() ?? "null");

        var required = (before["required"]?.AsArray() ?? []).Select(item => item!.GetValue<string>()).ToHashSet();
        breaks.AddRange((after["required"]?.AsArray() ?? []).Select(item => item!.GetValue<string>()).Where(item => !required.Contains(item)).Select(item => $"{name}.{item} must be sent now"));
    }

    private static IEnumerable<JsonNode> Parameters(JsonNode operation) => (operation["parameters"]?.AsArray() ?? []).Select(parameter => parameter!);
}
