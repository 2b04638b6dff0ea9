using Holdfast.Authority.Databases;

namespace Holdfast.Authority.Admitting;

/// <summary>What a node can do, as it tells the others.</summary>
/// <param name="Schemas">The newest schemas that its program knows.</param>
/// <param name="Stores">The stores of accounts that its configuration names.</param>
/// <param name="NextDirectory">The database that it takes for the directory's next one; null if it knows none.</param>
internal sealed record NodeFacts(string Schemas, IReadOnlyCollection<string> Stores, string? NextDirectory)
{
    /// <summary>Those of this program.</summary>
    public static string OwnSchemas { get; } = $"{SchemaUpgrade.NewestOf(DatabaseKind.Directory)}/{SchemaUpgrade.NewestOf(DatabaseKind.Accounts)}";
}

/// <summary>The nodes that are there, and what they told of themselves. A name of a store has no comma.</summary>
internal sealed class LiveNodes(IDatabase directory, TimeProvider time)
{
    public async Task<IReadOnlyList<(string Node, NodeFacts Facts)>> ListAsync(CancellationToken cancellation)
    {
        var since = (time.GetUtcNow() - GateTable.NodeLife).ToUnixTimeSeconds();
        return [.. (await directory.AskAsync(transaction => transaction.QueryAsync<(string Node, string Schemas, string Stores, string? Next)>(
            "SELECT node, schemas, stores, next_directory FROM gate_nodes WHERE seen_at > @since AND seen_at > stopped_at ORDER BY node", new { since }), cancellation))
            .Select(row => (row.Node, new NodeFacts(row.Schemas, row.Stores.Split(','), row.Next)))];
    }

    /// <summary>Nodes that a condition is not true of, or that are of another version: nothing is begun that they could not go along with.</summary>
    public async Task<IReadOnlyList<string>> UnableAsync(Func<NodeFacts, bool> isAble, CancellationToken cancellation) =>
        [.. (await ListAsync(cancellation)).Where(node => node.Facts.Schemas != NodeFacts.OwnSchemas || !isAble(node.Facts)).Select(node => node.Node)];
}
