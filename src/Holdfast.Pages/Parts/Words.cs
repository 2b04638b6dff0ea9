using System.Globalization;
using System.Text;
using Holdfast.Protocol.Messages;

namespace Holdfast.Pages.Parts;

/// <summary>Numbers and times as people read them.</summary>
internal static class Words
{
    private const int SecondsPerDay = 86_400;

    /// <summary>A computer that has not backed up for so long is late, and for so long is missing.</summary>
    private static readonly TimeSpan _late = TimeSpan.FromHours(36);
    private static readonly TimeSpan _missing = TimeSpan.FromDays(14);

    private static readonly string[] _units = ["B", "kB", "MB", "GB", "TB", "PB"];

    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (Math.Abs(bytes) >= 1000 && unit < _units.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.#} {_units[unit]}");
    }

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    public static string At(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToString("yyyy-MM-dd HH:mm 'UTC'", CultureInfo.InvariantCulture);

    public static string Day(long day) => DateTimeOffset.FromUnixTimeSeconds(day * SecondsPerDay).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    public static string Ago(long seconds, DateTimeOffset now) => (now - DateTimeOffset.FromUnixTimeSeconds(seconds)) switch
    {
        { TotalMinutes: < 1 } => "just now",
        { TotalHours: < 1 } age => $"{(int)age.TotalMinutes} min ago",
        { TotalDays: < 2 } age => $"{(int)age.TotalHours} h ago",
        var age => $"{(int)age.TotalDays} days ago",
    };

    /// <summary>How a computer is, in a word that is also the class of its mark.</summary>
    public static string StateOf(ComputerSummary computer, DateTimeOffset now) => computer switch
    {
        { Revoked: true } or { Retired: true } => "retired",
        { Rights: "Waiting" } => "waiting",
        _ => (now - DateTimeOffset.FromUnixTimeSeconds(computer.LastBackupAt ?? computer.CreatedAt)) switch { var age when age > _missing => "missing", var age when age > _late => "late", _ => "good" },
    };

    /// <summary>False for a name that is no text: it is shown, and cannot be asked for by it.</summary>
    public static bool IsText(BrowsedEntry entry) => Encoding.UTF8.GetBytes(entry.Path).AsSpan().SequenceEqual(entry.PathBytes);

    /// <summary>The last part of a path.</summary>
    public static string Name(string path) => path[(path.LastIndexOf('/') + 1)..];

    /// <summary>Answers of a list, a page at a time.</summary>
    public static string Query(params (string Name, string? Value)[] parts) => string.Join('&', parts.Where(part => part.Value is not null).Select(part => $"{part.Name}={Uri.EscapeDataString(part.Value!)}")) is { Length: > 0 } query ? "?" + query : "";
}
