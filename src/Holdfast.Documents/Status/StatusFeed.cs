using System.ServiceModel.Syndication;
using System.Text;
using System.Xml;
using Holdfast.Protocol.Messages;

namespace Holdfast.Documents.Status;

/// <summary>Maintenance and incidents as a feed (Atom, RFC 4287); an entry changes with what it is about.</summary>
public static class StatusFeed
{
    private static readonly XmlWriterSettings _settings = new() { Indent = true, Encoding = new UTF8Encoding(false) };

    /// <param name="view">How the service is.</param>
    /// <param name="address">Where the page is; null if the operator has not said so.</param>
    /// <returns>The feed, in UTF-8.</returns>
    public static byte[] Of(StatusView view, Uri? address)
    {
        var items = view.Status.Windows.Select(window => ItemOf(view, "window", window.Id, $"{view.Words["status_windows"]}: {window.Name} ({view.Words[$"status_window_{window.State}"]})",
                [.. window.Message is { } message ? [message] : Array.Empty<string>(), .. view.SentencesOf(window)], window.ChangedAt, address))
            .Concat(view.Status.Incidents.Select(incident => ItemOf(view, "incident", incident.Id, $"{view.Words["status_incidents"]}: {incident.Title} ({view.Words[incident.ClosedAt is null ? "status_incident_open" : "status_incident_closed"]})",
                [view.SpanOf(incident), .. incident.Events.Select(one => $"{view.At(one.At)}: {one.Event}")], ChangedAt(incident), address)))
            .OrderByDescending(item => item.LastUpdatedTime).ToList();
        var feed = new SyndicationFeed(Valid(view.Words["status_title", view.ServiceName]), null, address, items)
        {
            Id = "urn:holdfast:status", LastUpdatedTime = items.Count > 0 ? items[0].LastUpdatedTime : DateTimeOffset.UnixEpoch, Language = view.Words["language"],
        };
        feed.Authors.Add(new SyndicationPerson { Name = Valid(view.ServiceName) });
        using var stream = new MemoryStream();
        using (var writer = XmlWriter.Create(stream, _settings))
        {
            feed.SaveAsAtom10(writer);
        }

        return stream.ToArray();
    }

    private static long ChangedAt(PublicIncident incident) => Math.Max(incident.ClosedAt ?? 0, incident.Events.Select(one => one.At).Append(incident.BeganAt).Max());

    private static SyndicationItem ItemOf(StatusView view, string kind, string id, string title, IReadOnlyList<string> lines, long changedAt, Uri? address) =>
        new(Valid(title), new TextSyndicationContent(Valid(string.Join('\n', lines))), address is null ? null : new Uri(address, $"{StatusView.HtmlFile}#{id}"), $"urn:holdfast:{kind}:{id}", DateTimeOffset.FromUnixTimeSeconds(changedAt));

    /// <summary>Without what XML has no place for.</summary>
    private static string Valid(string text) => new([.. text.Select(letter => XmlConvert.IsXmlChar(letter) ? letter : ' ')]);
}
