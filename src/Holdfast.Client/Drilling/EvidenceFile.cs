using System.Globalization;
using Holdfast.Client.Computers;

namespace Holdfast.Client.Drilling;

/// <summary>Evidence of drills, kept for ever beside what this computer remembers of the service: state/drills/TIME.json.</summary>
internal static class EvidenceFile
{
    /// <summary>Behind the name of evidence that the service has not heard of: it is no reason not to drill again.</summary>
    private const string Unsent = ".unsent";

    private const string TimeFormat = "yyyyMMdd'T'HHmmss'Z'";

    /// <summary>When the last drill that is kept began; null if there is none.</summary>
    public static DateTimeOffset? LastOf(ComputerFolders folders) => Directory.Exists(FolderOf(folders)) ? Directory.EnumerateFiles(FolderOf(folders), "*.json")
        .Select(file => DateTimeOffset.TryParseExact(Path.GetFileName(file).Split('-')[0], TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at) ? at : (DateTimeOffset?)null).Max() : null;

    public static (string Path, byte[] Content) Write(ComputerFolders folders, DrillEvidence evidence)
    {
        var folder = FolderOf(folders);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var name = DateTimeOffset.FromUnixTimeSeconds(evidence.StartedAt).ToString(TimeFormat, CultureInfo.InvariantCulture);
        var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{evidence.Seed:x}.json"));
        PrivateFile.Write(path + Unsent, evidence, EvidenceJson.Default.DrillEvidence);
        return (path, File.ReadAllBytes(path + Unsent));
    }

    /// <summary>The service has its sum: it counts.</summary>
    public static void Sent(string path) => File.Move(path + Unsent, path, overwrite: true);

    private static string FolderOf(ComputerFolders folders) => Path.Combine(folders.State, "drills");
}
