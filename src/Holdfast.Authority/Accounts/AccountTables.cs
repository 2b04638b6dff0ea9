namespace Holdfast.Authority.Accounts;

/// <summary>The tables of an account store whose rows belong to accounts, and what each one's key has behind the account. Every row has the version of the write that wrote it; one that was deleted stays, and says so.</summary>
internal static class AccountTables
{
    /// <summary>In a query on all accounts: only rows whose account is at home in this store. While it moves, another store has them too.</summary>
    public const string AtHome = "account_id IN (SELECT account_id FROM fence WHERE state IN ('open', 'frozen', 'closed'))";

    private static readonly Dictionary<string, string[]> _keys = new()
    {
        ["devices"] = ["computer"],
        ["log"] = ["sequence"],
        ["keyrings"] = ["keyring_version"],
        ["sessions"] = ["session"],
        ["objects"] = ["number"],
        ["snapshots"] = ["head_id"],
        ["snapshot_pages"] = ["head_id", "page_index"],
        ["forwards"] = ["origin_number", "origin_slot"],
        ["collected"] = ["collection_number", "pack", "frame"],
        ["proofs"] = ["kind", "number"],
        ["account_usage"] = ["day"],
    };

    /// <summary>All of them, in the order in which they are copied and compared.</summary>
    public static IReadOnlyList<string> Names { get; } = [.. _keys.Keys];

    /// <summary>Columns of a table's key behind the account.</summary>
    public static IReadOnlyList<string> KeyOf(string table) => _keys[table];
}
