using Holdfast.Authority.Accounts;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>Whether the frames that a map names are stored, where they lie now (rule R3).</summary>
internal static class FramesStored
{
    /// <summary>Makes the granted and condemned packs that hold the map's frames live and stamps them; returns the frames that are stored nowhere. A few statements for each thousand packs: the account's row is locked meanwhile.</summary>
    public static async Task<IReadOnlyList<Address>> LackingAsync(AccountTransaction transaction, ReferenceMap map)
    {
        var lacking = new List<Address>();
        foreach (var packs in map.Packs.Chunk(SqlParameters.ListMax))
        {
            var moved = (await transaction.QueryAsync<(long Origin, long Slot, long Number)>(
                $"SELECT origin_number, origin_slot, number FROM forwards WHERE account_id = @account AND deleted = 0 AND origin_number IN ({SqlParameters.List(packs)})"))
                .Where(row => map.Contains(new Address((uint)row.Origin, (uint)row.Slot))).ToDictionary(row => new Address((uint)row.Origin, (uint)row.Slot), row => (uint)row.Number);
            var own = packs.SelectMany(map.FramesOf).Where(frame => !moved.ContainsKey(frame)).ToList();
            var held = await StampAsync(transaction, [.. own.Select(frame => frame.Number).Concat(moved.Values).Distinct()]);
            lacking.AddRange(own.Where(frame => !held.TryGetValue(frame.Number, out var frames) || frame.Slot >= frames));
            lacking.AddRange(moved.Where(frame => !held.ContainsKey(frame.Value)).Select(frame => frame.Key));
        }

        return lacking;
    }

    /// <summary>Stamps the packs that are stored and not on their way out; how many frames each of them holds.</summary>
    private static async Task<Dictionary<uint, long>> StampAsync(AccountTransaction transaction, IReadOnlyCollection<uint> numbers)
    {
        var held = new Dictionary<uint, long>();
        foreach (var some in numbers.Chunk(SqlParameters.ListMax))
        {
            foreach (var (number, frames) in await transaction.QueryAsync<(long Number, long Frames)>(
                $"""
                UPDATE objects SET state = 'live', condemned_at = NULL, touched = @version, version = @version
                WHERE account_id = @account AND type = 1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned') AND number IN ({SqlParameters.List(some)})
                RETURNING number, frames
                """))
            {
                held[(uint)number] = frames;
            }
        }

        return held;
    }
}
