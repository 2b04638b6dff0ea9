using System.Xml.Linq;
using Holdfast.Documents.Status;
using Holdfast.Documents.Texts;
using Holdfast.Protocol.Messages;

namespace Holdfast.Documents.Tests;

/// <summary>The status page, its feed, and reports as pages: whatever people wrote stays text.</summary>
public sealed class StatusTests
{
    private const string Hostile = "<script>alert(1)</script> & \"'\u0001";

    private static readonly XNamespace _atom = "http://www.w3.org/2005/Atom";

    public static TheoryData<string> Languages => [.. Wording.Languages];

    [Theory]
    [MemberData(nameof(Languages))]
    public async Task The_page_says_all_of_it_in_each_language_and_takes_nothing_for_its_own(string language)
    {
        foreach (var state in new[] { "working", "maintenance", "degraded", "outage", "unknown" })
        {
            var view = ViewOf(language, state);
            var encoded = await PageRenderer.RenderAsync(view);
            Assert.DoesNotContain("<script", encoded, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("&lt;script&gt;", encoded, StringComparison.Ordinal);
            var page = System.Net.WebUtility.HtmlDecode(encoded);
            Assert.Contains(view.Words[$"status_{state}"], page, StringComparison.Ordinal);
            Assert.Contains("2026-11-27 13:30 UTC+01:00", page, StringComparison.Ordinal);
            Assert.Contains("99.999", page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_feed_has_an_entry_for_each_window_and_incident_that_changes_with_it()
    {
        var feed = XDocument.Parse(System.Text.Encoding.UTF8.GetString(StatusFeed.Of(ViewOf("en", "working"), new Uri("https://status.example.org/")))).Root!;
        Assert.Equal(["urn:holdfast:incident:i1", "urn:holdfast:window:w1"], feed.Elements(_atom + "entry").Select(entry => entry.Element(_atom + "id")!.Value));
        Assert.Equal("2026-11-27T12:50:00Z", feed.Element(_atom + "updated")!.Value);
        Assert.All(feed.Elements(_atom + "entry"), entry => Assert.Contains("<script>", entry.Element(_atom + "title")!.Value, StringComparison.Ordinal));
        Assert.Contains("It works again.", feed.Elements(_atom + "entry").First().Element(_atom + "content")!.Value, StringComparison.Ordinal);
        Assert.DoesNotContain("link", XDocument.Parse(System.Text.Encoding.UTF8.GetString(StatusFeed.Of(ViewOf("en", "working"), null))).Root!.Elements().Select(element => element.Name.LocalName));
    }

    [Fact]
    public void What_was_promised_first_is_said_of_whichever_promise_was_changed()
    {
        var view = ViewOf("en", "working");
        var window = view.Status.Windows[0] with { ChangeReason = null };
        Assert.Contains("Promised first was 2026-11-27 15:33", string.Join(' ', view.SentencesOf(window)), StringComparison.Ordinal);
        Assert.DoesNotContain("Promised first", string.Join(' ', view.SentencesOf(window with { FirstBackBy = null })), StringComparison.Ordinal);
        Assert.Contains("Promised first was that everyone is caught up by 2026-11-27 15:33", string.Join(' ', view.SentencesOf(window with { FirstBackBy = null, FirstCaughtUpBy = window.FirstBackBy })), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Markdown_becomes_a_page_and_HTML_in_it_stays_text()
    {
        var page = await PageRenderer.RenderMarkdownAsync(Hostile, $"# Report\n\n{Hostile}\n\n| a | b |\n|---|---|\n| 1 | **2** |\n", "en");
        Assert.Contains("<table>", page, StringComparison.Ordinal);
        Assert.Contains("<strong>2</strong>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
    }

    private static StatusView ViewOf(string language, string state)
    {
        var days = Enumerable.Range(0, 90).Select(day => new ComponentDay(20_695 + day, day < 30 ? null : day == 80 ? 0.5 : 1, day == 80 ? 43_200 : 0, day == 85 ? 7200 : 0)).ToList();
        return new StatusView(new ServiceStatus(1_795_782_600, [.. ServiceComponents.All.Select((component, index) => new ComponentStatus(component, index == 0 ? state : "working", 0.99999999, days))],
            [new PublicWindow("w1", Hostile, Hostile, "announced", 1_795_782_600, 1_795_800_000, 1_795_900_000, 1_795_790_000, Hostile, null, null, null, 1_795_780_000)],
            [new PublicIncident("i1", Hostile, ["backups"], "outage", 1_795_780_000, 1_795_783_800, [new ServiceEvent(1_795_780_000, Hostile), new ServiceEvent(1_795_783_800, "It works again.")])]),
            Hostile, language, TimeZoneInfo.CreateCustomTimeZone("Test", TimeSpan.FromHours(1), "Test", "Test"));
    }
}
