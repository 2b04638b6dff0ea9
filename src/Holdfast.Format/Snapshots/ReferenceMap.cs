using Holdfast.Format.Objects;

namespace Holdfast.Format.Snapshots;

/// <summary>The frames a snapshot needs, as bitmaps by pack: one bit for about a mebibyte.</summary>
public sealed class ReferenceMap
{
    private readonly SortedDictionary<uint, byte[]> _packs = [];

    public IEnumerable<uint> Packs => _packs.Keys;

    public int FrameCount => _packs.Values.Sum(bitmap => bitmap.Sum(b => System.Numerics.BitOperations.PopCount(b)));

    public void Add(Address frame)
    {
        var bitmap = _packs.GetValueOrDefault(frame.Number, []);
        var index = (int)(frame.Slot / 8);
        if (index >= bitmap.Length)
        {
            Array.Resize(ref bitmap, index + 1);
            _packs[frame.Number] = bitmap;
        }

        bitmap[index] |= (byte)(1 << (int)(frame.Slot % 8));
    }

    public void Add(MapPage page)
    {
        foreach (var (pack, frames) in page.Packs)
        {
            _packs[pack] = frames;
        }
    }

    public bool Contains(Address frame) =>
        _packs.TryGetValue(frame.Number, out var bitmap) && frame.Slot / 8 < bitmap.Length
        && (bitmap[frame.Slot / 8] & (1 << (int)(frame.Slot % 8))) != 0;

    /// <summary>Every frame, in order of address.</summary>
    public IEnumerable<Address> Frames()
    {
        foreach (var pack in _packs.Keys)
        {
            foreach (var frame in FramesOf(pack))
            {
                yield return frame;
            }
        }
    }

    /// <summary>The frames of one pack.</summary>
    public IEnumerable<Address> FramesOf(uint pack)
    {
        var bitmap = _packs.GetValueOrDefault(pack, []);
        for (var slot = 0; slot < bitmap.Length * 8; slot++)
        {
            if ((bitmap[slot / 8] & (1 << (slot % 8))) != 0)
            {
                yield return new Address(pack, (uint)slot);
            }
        }
    }

    /// <summary>Takes away what <paramref name="other"/> has.</summary>
    public void Remove(MapPage other)
    {
        foreach (var (pack, frames) in other.Packs)
        {
            if (!_packs.TryGetValue(pack, out var own))
            {
                continue;
            }

            var rest = new byte[own.Length];
            for (var i = 0; i < own.Length; i++)
            {
                rest[i] = (byte)(own[i] & ~(i < frames.Length ? frames[i] : 0));
            }

            if (rest.AsSpan().ContainsAnyExcept((byte)0))
            {
                _packs[pack] = rest;
            }
            else
            {
                _packs.Remove(pack);
            }
        }
    }

    public IEnumerable<MapPage> Pages() =>
        _packs.GroupBy(pack => pack.Key / MapPage.PacksPerPage)
            .Select(group => new MapPage(group.Key, [.. group.Select(pack => (pack.Key, pack.Value))]));
}
