using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Moving;

/// <summary>Indexes by version for the time of a move: without them, each look for what was written since reads all that the account has.</summary>
internal static class VersionIndexes
{
    /// <summary>Makes them beside writers, or finds them made.</summary>
    public static async Task MakeAsync(IDatabase database, CancellationToken cancellation)
    {
        foreach (var table in AccountTables.Names)
        {
            await database.MakeIndexAsync($"{table}_versions", table, ["account_id", "version", .. AccountTables.KeyOf(table)], cancellation);
        }
    }

    /// <summary>Drops them.</summary>
    /// <param name="database">There.</param>
    /// <param name="isNeeded">Whether another move has begun with them.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public static async Task DropAsync(IDatabase database, Func<Task<bool>> isNeeded, CancellationToken cancellation)
    {
        foreach (var table in AccountTables.Names)
        {
            await database.DropIndexAsync($"{table}_versions", isNeeded, cancellation);
        }
    }
}
