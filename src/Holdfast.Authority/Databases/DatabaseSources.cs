namespace Holdfast.Authority.Databases;

/// <summary>The databases of a service: each is <c>sqlite:PATH</c> or a connection string of PostgreSQL.</summary>
/// <param name="Directory">Who there is, and where each account lives.</param>
/// <param name="Stores">The stores of accounts, by the names that the directory calls them.</param>
/// <param name="NewAccounts">The store that is the home of new accounts.</param>
/// <param name="NextDirectory">Where the directory is to move to, or has.</param>
public sealed record DatabaseSources(string Directory, IReadOnlyDictionary<string, string> Stores, string NewAccounts, string? NextDirectory = null)
{
    /// <summary>The one store of a service that keeps everything in its folder.</summary>
    public const string EmbeddedStore = "embedded";

    /// <summary>Two SQLite files in a folder, for one process.</summary>
    public static DatabaseSources InFolder(string folder) => new($"sqlite:{Path.Combine(folder, "directory.db")}",
        new Dictionary<string, string> { [EmbeddedStore] = $"sqlite:{Path.Combine(folder, "accounts.db")}" }, EmbeddedStore);
}
