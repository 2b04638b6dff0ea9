using Holdfast.Format.Objects;

namespace Holdfast.Client.Indexing;

/// <summary>Gives every frame of a run a small number, so that caches and tables name frames that have no address yet.</summary>
/// <remarks>Eight bytes a frame, that is for a mebibyte of data. Thread-safe.</remarks>
internal sealed class FrameRegistry
{
    private const ulong Unresolved = ulong.MaxValue;

    private readonly Lock _lock = new();
    private readonly List<ulong> _addresses = [];
    private readonly Dictionary<ulong, uint> _ordinals = [];

    public int Count
    {
        get
        {
            lock (_lock)
            {
                return _addresses.Count;
            }
        }
    }

    /// <summary>A number for a frame that is being filled.</summary>
    public uint Open()
    {
        lock (_lock)
        {
            _addresses.Add(Unresolved);
            return (uint)_addresses.Count - 1;
        }
    }

    /// <summary>The frame has its address now.</summary>
    public void Resolve(uint ordinal, Address address)
    {
        lock (_lock)
        {
            _addresses[(int)ordinal] = address.Packed;
            _ordinals[address.Packed] = ordinal;
        }
    }

    /// <summary>The number of a frame that lies on a pod already.</summary>
    public uint Register(Address address)
    {
        lock (_lock)
        {
            if (!_ordinals.TryGetValue(address.Packed, out var ordinal))
            {
                ordinal = (uint)_addresses.Count;
                _addresses.Add(address.Packed);
                _ordinals.Add(address.Packed, ordinal);
            }

            return ordinal;
        }
    }

    /// <summary>The frame's address, or null while it is being filled.</summary>
    public Address? Find(uint ordinal)
    {
        lock (_lock)
        {
            var packed = _addresses[(int)ordinal];
            return packed == Unresolved ? null : Address.FromPacked(packed);
        }
    }

    public Address this[uint ordinal] => Find(ordinal) ?? throw new InvalidOperationException($"frame {ordinal} has no address yet");
}
