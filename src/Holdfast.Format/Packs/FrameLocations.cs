using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>Where frames lie that were moved, derived from frame tables alone: the server's location table can always be made again (format rule 7).</summary>
public static class FrameLocations
{
    /// <summary>For each frame that stands in another pack than the one it was born in, the newest pack that has it: an old pack goes only after a newer one was read back.</summary>
    /// <param name="packs">Tables of all packs of an account, in any order.</param>
    public static SortedDictionary<Address, uint> Derive(IEnumerable<PackTables> packs)
    {
        var moved = new SortedDictionary<Address, uint>();
        foreach (var pack in packs)
        {
            foreach (var frame in pack.FrameTable.Frames.Where(frame => frame.Origin.Number != pack.Header.Number))
            {
                moved[frame.Origin] = Math.Max(pack.Header.Number, moved.GetValueOrDefault(frame.Origin));
            }
        }

        return moved;
    }
}
