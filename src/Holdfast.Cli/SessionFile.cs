using Holdfast.Client.Computers;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>Where the session of whoever is signed in is kept: a file that only they can read.</summary>
internal static class SessionFile
{
    public static string Path => System.IO.Path.Combine(ComputerFolders.FromEnvironment().Config, "session");

    public static void Write(string token)
    {
        ComputerFolders.FromEnvironment().Create();
        PrivateFile.Write(Path, System.Text.Encoding.UTF8.GetBytes(token + "\n"));
    }

    /// <summary>The token in a file; the failure invalid_request if it cannot be read.</summary>
    public static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The token cannot be read: {exception.Message}", exception);
        }
    }
}
