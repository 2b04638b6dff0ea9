using Holdfast.Protocol.Messages;

namespace Holdfast.Cli;

/// <summary>Tells of maintenance that is announced, in this computer's time.</summary>
internal static class MaintenanceNotice
{
    public static void Tell(Output output, PublicWindow? window, TimeProvider time)
    {
        if (window is not null)
        {
            output.Say(Sentence(window, time));
            Message(output, window);
        }
    }

    public static string Sentence(PublicWindow window, TimeProvider time)
    {
        string At(long? seconds) => LocalTime.Of(seconds ?? window.StartsAt, time);
        return window.BackAt is not null ? $"Maintenance ({window.Name}): services have been back since {At(window.BackAt)}, and everyone is caught up by {At(window.CaughtUpBy)}."
            : window.StartedAt is null && window.StartsAt < time.GetUtcNow().ToUnixTimeSeconds() ? $"Maintenance ({window.Name}): it should have begun at {At(window.StartsAt)}, and has not yet."
            : $"Maintenance ({window.Name}): backups pause from {At(window.StartedAt ?? window.StartsAt)} until {At(window.BackBy)} at the latest, and by {At(window.CaughtUpBy)} every computer is backed up again. Restores work all the time.";
    }

    public static void Message(Output output, PublicWindow window) => output.Message("maintenance", ("window", window.Id), ("name", window.Name), ("state", window.State), ("starts_at", window.StartsAt), ("back_by", window.BackBy), ("caught_up_by", window.CaughtUpBy),
        ("started_at", window.StartedAt), ("back_at", window.BackAt), ("ended_at", window.EndedAt));
}
