using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Windows;

/// <summary>Tells those who are affected: owners of accounts by mail, in their own time, and programs by webhook; each once.</summary>
internal sealed class WindowNotices(Circulars circulars, Webhooks webhooks, TimeProvider time)
{
    public const string Announced = "announced";
    public const string Reminder = "reminder";
    public const string Changed = "changed";
    public const string Begins = "begins";
    public const string Over = "over";
    public const string GivenUp = "given_up";

    /// <summary>Tells everybody, going on where it was.</summary>
    /// <param name="window">The window.</param>
    /// <param name="what">What is to be told of it.</param>
    /// <param name="message">What its plan says besides; null for nothing.</param>
    /// <param name="cancellation">Ends it; told again it goes on from there.</param>
    public Task TellAsync(Window window, string what, string? message, CancellationToken cancellation)
    {
        // What was changed is told again as often as it is changed.
        var mark = $"window {window.Id} {what}{(window.Changes > 0 && what is Changed or Reminder ? $" {window.Changes}" : "")}";
        return circulars.SendAsync(mark, zone => LetterOf(window, what, message, zone), transaction => webhooks.TellAsync(transaction, WebhookTopics.WindowChanged, null, DataOf(window, what)), cancellation);
    }

    private Letter LetterOf(Window window, string what, string? message, TimeZoneInfo zone)
    {
        string At(long? seconds) => PersonTimes.At(seconds, zone);
        var text = what == Changed && window.StartedAt is not null ? "window_changed_meanwhile" : $"window_{what}";
        return Letter.OfParagraphs(Outbox.Language, text, message is null ? [] : message.Split("\n", StringSplitOptions.RemoveEmptyEntries), window.Name, At(window.StartsAt), At(window.BackBy), At(window.CaughtUpBy),
            At(time.GetUtcNow().ToUnixTimeSeconds()), At(window.BackAt), window.ChangeReason ?? "", At(window.FirstBackBy), At(window.FirstCaughtUpBy));
    }

    private static Dictionary<string, string> DataOf(Window window, string what)
    {
        var data = new Dictionary<string, string> { ["window"] = window.Id, ["name"] = window.Name, ["what"] = what, ["starts_at"] = $"{window.StartsAt}" };
        foreach (var (name, at) in new[] { ("back_by", window.BackBy), ("caught_up_by", window.CaughtUpBy), ("back_at", window.BackAt) })
        {
            if (at is { } seconds)
            {
                data[name] = $"{seconds}";
            }
        }

        return data;
    }
}
