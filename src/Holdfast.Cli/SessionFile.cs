using Holdfast.Client.Computers;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>Where the session of whoever is signed in is kept: a file that only they can read, with the service that it is of. No other service is ever sent it.</summary>
internal static class SessionFile
{
    public static string Path => System.IO.Path.Combine(ComputerFolders.FromEnvironment().Config, "session");

    public static void Write(string service, string token)
    {
        ComputerFolders.FromEnvironment().Create();
        PrivateFile.Write(Path, System.Text.Encoding.UTF8.GetBytes($"{Origin(service)}\n{token}\n"));
    }

    /// <summary>The service and the token of whoever is signed in; null if nobody is.</summary>
    public static (string Service, string Token)? TryRead() => File.Exists(Path) && Read(Path).Split('\n') is [var service, var token] ? (service, token) : null;

    public static void Delete() => File.Delete(Path);

    /// <summary>The part of an address that says whom one speaks to.</summary>
    public static string Origin(string address) => Uri.TryCreate(address, UriKind.Absolute, out var uri) ? uri.GetLeftPart(UriPartial.Authority) : address;

    /// <summary>What stands in a file; the failure invalid_request if it cannot be read.</summary>
    public static string Read(string file)
    {
        try
        {
            return File.ReadAllText(file).Trim();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The file cannot be read: {exception.Message}", exception);
        }
    }
}
