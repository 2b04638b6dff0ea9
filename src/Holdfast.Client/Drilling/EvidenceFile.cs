using System.Globalization;
using Holdfast.Client.Computers;

namespace Holdfast.Client.Drilling;

/// <summary>Evidence of drills, kept for ever beside what this computer remembers of the service: state/drills/TIME.json.</summary>
internal static class EvidenceFile
{
    public static (string Path, byte[] Content) Write(ComputerFolders folders, DrillEvidence evidence)
    {
        var folder = Path.Combine(folders.State, "drills");
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var name = DateTimeOffset.FromUnixTimeSeconds(evidence.StartedAt).ToString("yyyyMMdd'T'HHmmss'Z'", CultureInfo.InvariantCulture);
        var path = Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{name}-{evidence.Seed:x}.json"));
        PrivateFile.Write(path, evidence, EvidenceJson.Default.DrillEvidence);
        return (path, File.ReadAllBytes(path));
    }
}
