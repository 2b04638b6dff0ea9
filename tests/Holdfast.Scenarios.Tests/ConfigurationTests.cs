namespace Holdfast.Scenarios.Tests;

/// <summary>What <c>holdfastd.json</c> may say.</summary>
public sealed class ConfigurationTests : Scenario
{
    [Fact]
    public async Task A_configuration_that_is_wrong_is_named_and_one_that_is_right_is_shown_without_its_secrets()
    {
        var data = Directory.CreateDirectory(Path.Combine(Root, "configured")).FullName;
        foreach (var (text, said) in new[]
        {
            ("{ \"directroy\": \"x\" }", "directroy"), ("{", "config explain"), ("{ \"directory\": \"sqlite:/x\" }", "no store"),
            ("{ \"directory\": \"sqlite:/x\", \"stores\": { \"a\": \"sqlite:/a\", \"b\": \"sqlite:/b\" } }", "new_accounts"),
            ("{ \"directory\": \"sqlite:/x\", \"stores\": { \"a\": \"sqlite:/a\" }, \"new_accounts\": \"b\" }", "'b'"),
        })
        {
            await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), text, Cancellation);
            foreach (var verb in new string[][] { ["config", "check"], ["run", "--listen", "http://127.0.0.1:0"] })
            {
                var refused = await OperateAsync([.. verb, "--data", data]);
                Assert.True(refused.ExitCode == 2, $"{text}: {refused.ExitCode} {refused.Output}{refused.Error}");
                Assert.Contains(said, refused.Error, StringComparison.Ordinal);
            }
        }

        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), "{ \"directory\": \"Host=h;Password=hidden\", \"stores\": { \"a\": \"sqlite:/a\" } }", Cancellation);
        var shown = await OperateAsync("config", "check", "--data", data);
        Assert.Equal(0, shown.ExitCode);
        Assert.DoesNotContain("hidden", shown.Output, StringComparison.Ordinal);
        Assert.Contains("home of new accounts", shown.Output, StringComparison.Ordinal);

        // What it explains is understood.
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), (await OperateAsync("config", "explain")).Output, Cancellation);
        Assert.Equal(0, (await OperateAsync("config", "check", "--data", data)).ExitCode);

        // And every setting that it explains stands in the schema, and the other way round.
        var schema = System.Text.Json.Nodes.JsonNode.Parse((await OperateAsync("config", "schema")).Output)!;
        var explained = System.Text.Json.Nodes.JsonNode.Parse((await OperateAsync("config", "explain")).Output, documentOptions: new() { CommentHandling = System.Text.Json.JsonCommentHandling.Skip })!;
        Assert.Equal(schema["properties"]!.AsObject().Select(item => item.Key).Order(), explained.AsObject().Select(item => item.Key).Order());
    }

    private static Task<Ended> OperateAsync(params string[] arguments) => Programs.RunAsync(Programs.Holdfastd, arguments, new Dictionary<string, string>(), Cancellation);
}
