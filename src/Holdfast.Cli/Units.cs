using System.Globalization;

namespace Holdfast.Cli;

/// <summary>Numbers as people read them.</summary>
internal static class Units
{
    private static readonly string[] _names = ["B", "kB", "MB", "GB", "TB", "PB"];

    public static string Bytes(double bytes)
    {
        var unit = 0;
        while (bytes >= 1000 && unit < _names.Length - 1)
        {
            bytes /= 1000;
            unit++;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{bytes:0.##} {_names[unit]}");
    }

    /// <summary>A bar of twenty places, with the percentage behind it.</summary>
    public static string Bar(double share)
    {
        share = Math.Clamp(share, 0, 1);
        var full = (int)(share * 20);
        return string.Create(CultureInfo.InvariantCulture, $"[{new string('#', full)}{new string('.', 20 - full)}] {share * 100,3:0} %");
    }

    public static string Count(long count) => count.ToString("N0", CultureInfo.InvariantCulture);

    /// <summary>How long ago, to the unit that matters.</summary>
    public static string Age(TimeSpan age) => age.TotalHours < 1 ? $"{Math.Max(0, (int)age.TotalMinutes)} min" : age.TotalDays < 2 ? $"{(int)age.TotalHours} h" : $"{(int)age.TotalDays} days";

    public static string Time(TimeSpan time) => time.TotalMinutes >= 1
        ? string.Create(CultureInfo.InvariantCulture, $"{(int)time.TotalMinutes} min {time.Seconds} s")
        : string.Create(CultureInfo.InvariantCulture, $"{time.TotalSeconds:0.0} s");
}
