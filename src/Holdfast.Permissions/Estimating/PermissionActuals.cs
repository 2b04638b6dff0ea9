using System.Text.Json;

namespace Holdfast.Permissions.Estimating;

/// <summary>What a run really took: what the next one is estimated by.</summary>
/// <param name="Tree">The tree's root.</param>
/// <param name="Ended">Seconds since 1970.</param>
/// <param name="Entries">Entries in the tree.</param>
/// <param name="Changed">How many of them were changed.</param>
/// <param name="Passes">How often the tree was gone over.</param>
/// <param name="Seconds">How long it was worked on.</param>
/// <param name="ThreadsAllowed">How many threads it might have.</param>
/// <param name="ThreadsMost">How many it had at most.</param>
/// <param name="Medium">What the tree lies on.</param>
public sealed record PermissionActuals(string Tree, long Ended, long Entries, long Changed, int Passes, double Seconds, int ThreadsAllowed, int ThreadsMost, Medium Medium)
{
    /// <summary>Lines that are kept; older ones say little.</summary>
    private const int LinesMost = 1000;

    /// <summary>Adds to a file of lines of JSON.</summary>
    public void AppendTo(string path)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var lines = ReadLines(path);
        lines.Add(JsonSerializer.Serialize(this));
        var fresh = $"{path}.new";
        File.WriteAllLines(fresh, lines.TakeLast(LinesMost));
        File.Move(fresh, path, overwrite: true);
    }

    /// <summary>All that a file has; lines that are not understood are passed over.</summary>
    public static IReadOnlyList<PermissionActuals> Read(string path)
    {
        var actuals = new List<PermissionActuals>();
        foreach (var line in ReadLines(path))
        {
            try
            {
                if (JsonSerializer.Deserialize<PermissionActuals>(line) is { Medium: not null, Seconds: > 0 } one)
                {
                    actuals.Add(one);
                }
            }
            catch (JsonException)
            {
                // A newer version's, or damaged: an estimate has one run less to go by.
            }
        }

        return actuals;
    }

    private static List<string> ReadLines(string path) => File.Exists(path) ? [.. File.ReadLines(path)] : [];
}
