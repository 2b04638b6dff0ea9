using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Authority.Moving;

/// <summary>Looks at stores before a move: whether all that one has can be kept by the other. What it writes to see that it can is gone again.</summary>
internal sealed class StoreCheck(IReadOnlyDictionary<string, IDatabase> homes)
{
    public IDatabase StoreOf(string name) => homes.TryGetValue(name, out var home)
        ? home : throw new HoldfastException(FailureTable.MoveRefused, $"This node's configuration names no store '{name}'; it has {string.Join(", ", homes.Keys)}.");

    /// <summary>Fails unless both stores answer, can be written, and have the schema that this program knows, with nothing of accounts beside it.</summary>
    public async Task CheckAsync(string source, string target, CancellationToken cancellation)
    {
        var (from, to) = (await ColumnsAsync(source, cancellation), await ColumnsAsync(target, cancellation));
        foreach (var table in AccountTables.Names)
        {
            if (!from[table].Order().SequenceEqual(to[table].Order()))
            {
                throw new HoldfastException(FailureTable.MoveRefused, $"The table {table} has other columns in '{source}' than in '{target}': {string.Join(", ", from[table].Except(to[table]).Concat(to[table].Except(from[table])))}.");
            }
        }

        await StoreOf(target).WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("INSERT INTO store_marks (name, value) VALUES ('written', 'before a move') ON CONFLICT (name) DO UPDATE SET value = excluded.value");
            return await transaction.ExecuteAsync("DELETE FROM store_marks WHERE name = 'written'");
        }, cancellation);
    }

    /// <summary>Fails if the target has some of these accounts already.</summary>
    public Task CheckAbsentAsync(string target, IReadOnlySet<AccountId> accounts, CancellationToken cancellation) => StoreOf(target).ReadAsync(async transaction =>
    {
        transaction.IsPatient = true;
        await transaction.ReadRowsAsync("SELECT account_id, state FROM fence WHERE state <> 'absent'", (_, values) => accounts.Contains(new AccountId((byte[])values[0]!))
            ? throw new HoldfastException(FailureTable.MoveRefused, $"The store '{target}' holds the account {new AccountId((byte[])values[0]!)} already ({values[1]}), and the directory knows of no move that put it there: look at it before anything is moved.")
            : ValueTask.CompletedTask);
        return 0;
    }, cancellation);

    private async Task<Dictionary<string, IReadOnlyList<string>>> ColumnsAsync(string store, CancellationToken cancellation)
    {
        var database = StoreOf(store);
        var (number, tables) = (SchemaUpgrade.NewestOf(DatabaseKind.Accounts), await database.ColumnsAsync(cancellation));
        var found = await database.AskAsync(transaction => transaction.FindAsync<long>("SELECT number FROM holdfast_schema WHERE kind = 'Accounts'"), cancellation);
        if (found != number)
        {
            throw new HoldfastException(FailureTable.MoveRefused, $"The store '{store}' has schema {found}, and this program knows {number}: move when all nodes are of the same version.");
        }

        // The directory may lie beside it.
        var unknown = tables.Where(table => table.Value.Contains("account_id") && table.Key != "fence" && !AccountTables.Names.Contains(table.Key)).Select(table => table.Key).Except(SchemaUpgrade.TablesOf(DatabaseKind.Directory)).ToList();
        return unknown.Count > 0
            ? throw new HoldfastException(FailureTable.MoveRefused, $"The store '{store}' has tables of accounts that this program does not know, and would leave behind: {string.Join(", ", unknown)}.")
            : tables.ToDictionary();
    }
}
