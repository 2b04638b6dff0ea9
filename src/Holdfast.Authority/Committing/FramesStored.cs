using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>Whether the frames that a map names are stored, where they lie now (rule R3).</summary>
internal static class FramesStored
{
    /// <summary>Makes the granted and condemned packs that hold frames of <paramref name="pack"/> live and stamps them; returns the frames that are stored nowhere.</summary>
    public static async Task<IReadOnlyList<Address>> LackingAsync(AccountTransaction transaction, ReferenceMap map, uint pack)
    {
        var forwards = (await transaction.QueryAsync<(long Slot, long Number)>(
            "SELECT origin_slot, number FROM forwards WHERE account_id = @account AND origin_number = @pack AND deleted = 0", new { pack }))
            .ToDictionary(row => (uint)row.Slot, row => row.Number);
        var frames = map.FramesOf(pack).Where(frame => !forwards.ContainsKey(frame.Slot)).ToList();
        var held = frames.Count > 0 ? await StampAsync(transaction, pack) : null;
        var lacking = frames.FindAll(frame => held is null || frame.Slot >= held);
        foreach (var (slot, number) in forwards)
        {
            if (map.Contains(new Address(pack, slot)) && await StampAsync(transaction, number) is null)
            {
                lacking.Add(new Address(pack, slot));
            }
        }

        return lacking;
    }

    /// <summary>Stamps a pack that is stored and not on its way out; how many frames it holds, or null.</summary>
    private static Task<long?> StampAsync(AccountTransaction transaction, long number) => transaction.FindAsync<long?>(
        """
        UPDATE objects SET state = 'live', condemned_at = NULL, touched = @version, version = @version
        WHERE account_id = @account AND number = @number AND type = 1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')
        RETURNING frames
        """, new { number });
}
