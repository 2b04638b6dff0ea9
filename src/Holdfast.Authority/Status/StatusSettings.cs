namespace Holdfast.Authority.Status;

/// <summary>Where the status page is written.</summary>
/// <param name="Folder">Its folder, which some web server serves.</param>
/// <param name="Name">What the service is called.</param>
/// <param name="Language">Of the page: en or de.</param>
/// <param name="TimeZone">In which its times are, such as Europe/Berlin; UTC unless set.</param>
/// <param name="Url">Where the page is, for its feed.</param>
/// <param name="Upload">A program and its arguments that brings the folder elsewhere, so that the page stays when this machine does not; the folder's path is its last argument.</param>
public sealed record StatusSettings(string Folder, string Name = "Holdfast", string Language = "en", string? TimeZone = null, Uri? Url = null, IReadOnlyList<string>? Upload = null)
{
    /// <summary>Languages that there are.</summary>
    public static IReadOnlyCollection<string> Languages => Holdfast.Documents.Texts.Wording.Languages;
}
