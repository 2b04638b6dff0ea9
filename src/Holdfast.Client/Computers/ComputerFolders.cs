using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>Where this computer keeps things: XDG directories, or what HOLDFAST_CONFIG_DIR, HOLDFAST_STATE_DIR and HOLDFAST_CACHE_DIR say.</summary>
/// <param name="Config">Enrolment: keys and token. Private; without it the computer must be enrolled again.</param>
/// <param name="State">What this computer last saw: heads and the account log. Guards against a server that rolls back.</param>
/// <param name="Cache">Index and listings: can always be deleted.</param>
public sealed record ComputerFolders(string Config, string State, string Cache)
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;

    public static ComputerFolders FromEnvironment() => new(
        Folder("HOLDFAST_CONFIG_DIR", "XDG_CONFIG_HOME", ".config"),
        Folder("HOLDFAST_STATE_DIR", "XDG_STATE_HOME", ".local/state"),
        Folder("HOLDFAST_CACHE_DIR", "XDG_CACHE_HOME", ".cache"));

    /// <summary>The folders with a cache of the account's own: what one account's index says must never be taken for another's.</summary>
    public ComputerFolders Of(AccountId account) => this with { Cache = Path.Combine(Cache, account.ToString()) };

    /// <summary>Makes the folders, private, and marks the cache as one.</summary>
    public void Create()
    {
        try
        {
            foreach (var folder in new[] { Config, State, Cache })
            {
                Directory.CreateDirectory(folder, Private);
            }

            var tag = Path.Combine(Cache, "CACHEDIR.TAG");
            if (!File.Exists(tag))
            {
                File.WriteAllText(tag, "Signature: 8a477f597d28d172789f06886806bc55\n# Holdfast's cache: it can always be deleted.\n");
            }
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new HoldfastException(FailureTable.LocalState, exception.Message, exception);
        }
    }

    private static string Folder(string own, string xdg, string fallback)
    {
        if (Environment.GetEnvironmentVariable(own) is { Length: > 0 } folder)
        {
            return Path.GetFullPath(folder);
        }

        var home = Environment.GetEnvironmentVariable(xdg) is { Length: > 0 } root
            ? root
            : Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), fallback);
        return Path.Combine(home, "holdfast");
    }
}
