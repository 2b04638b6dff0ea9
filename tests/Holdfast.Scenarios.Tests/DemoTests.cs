using System.Globalization;
using System.Text.RegularExpressions;

namespace Holdfast.Scenarios.Tests;

/// <summary>The scripted stories under demo/, with the real programs.</summary>
public sealed partial class DemoTests
{
    [Fact]
    public async Task The_window_of_2010_keeps_its_promise_and_no_restore_is_refused_and_no_backup_lost()
    {
        var ended = await Programs.RunAsync(Path.Combine(Programs.Root, "demo", "maintenance"), [], new Dictionary<string, string> { ["HOLDFAST_BUILT"] = "1" }, TestContext.Current.CancellationToken);
        Assert.True(ended.ExitCode == 0, ended.Error);
        var line = LastLine().Match(ended.Output.TrimEnd().Split('\n')[^1]);
        Assert.True(line.Success, ended.Output);
        var (promised, actual, served, refused, lost) = (Number(line, 1), Number(line, 2), Number(line, 3), Number(line, 4), Number(line, 5));
        Assert.True(actual > 0 && actual <= promised && served > 0 && refused == 0 && lost == 0, $"{line.Value}\n{ended.Error}");
        Assert.Equal(2, Killed().Count(ended.Error));
        Assert.Contains("Both promises were kept.", ended.Error, StringComparison.Ordinal);
        Assert.Contains("rehearsed 1 time on a part", ended.Error, StringComparison.Ordinal);
    }

    private static long Number(Match line, int group) => long.Parse(line.Groups[group].Value, CultureInfo.InvariantCulture);

    [GeneratedRegex(@"killing the node at the step (migrate|permissions|statistics|verify|bring-up)$", RegexOptions.Multiline)]
    private static partial Regex Killed();

    [GeneratedRegex(@"\Awindow promised (\d+) actual (\d+) restores-served (\d+) restores-refused (\d+) backups-lost (\d+)\z")]
    private static partial Regex LastLine();
}
