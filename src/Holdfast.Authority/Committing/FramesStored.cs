using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;

namespace Holdfast.Authority.Committing;

/// <summary>Whether the frames that a map names are stored, where they lie now (rule R3).</summary>
internal static class FramesStored
{
    /// <summary>Makes the granted and condemned packs that hold frames of <paramref name="pack"/> live and stamps them; returns the frames that are stored nowhere.</summary>
    public static IEnumerable<Address> Lacking(AccountTransaction transaction, ReferenceMap map, uint pack)
    {
        var forwards = transaction.Query<(long Slot, long Number)>(
            "SELECT origin_slot, number FROM forwards WHERE account_id = @account AND origin_number = @pack AND deleted = 0", new { pack })
            .ToDictionary(row => (uint)row.Slot, row => row.Number);
        var frames = map.FramesOf(pack).Where(frame => !forwards.ContainsKey(frame.Slot));
        var held = frames.Any() ? Stamp(transaction, pack) : null;
        return frames.Where(frame => held is null || frame.Slot >= held)
            .Concat(forwards.Where(moved => map.Contains(new Address(pack, moved.Key)) && Stamp(transaction, moved.Value) is null).Select(moved => new Address(pack, moved.Key)));
    }

    /// <summary>Stamps a pack that is stored and not on its way out; how many frames it holds, or null.</summary>
    private static long? Stamp(AccountTransaction transaction, long number) => transaction.Find<long?>(
        """
        UPDATE objects SET state = 'live', condemned_at = NULL, touched = @version, version = @version
        WHERE account_id = @account AND number = @number AND type = 1 AND receipt IS NOT NULL AND state IN ('granted', 'live', 'condemned')
        RETURNING frames
        """, new { number });
}
