using System.IO.Hashing;
using Holdfast.Client.Computers;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Indexing;

/// <summary>Frames that the service collected, as far as this computer was told: what its index says of them is dead (format rule 16).</summary>
/// <remarks>A cache, eight bytes a frame: without it the service tells them all again. File: u32 collection number · u32 frames · frames × u64 · XxHash3 of all that.</remarks>
internal sealed class CollectedFrames
{
    private const int HeaderLength = 8;
    private const int HashLength = 8;

    private readonly string _path;
    private readonly HashSet<Address> _frames = [];

    private CollectedFrames(string path) => _path = path;

    /// <summary>The latest collection whose frames are known; 0 for none.</summary>
    public uint Number { get; private set; }

    public IReadOnlySet<Address> Frames => _frames;

    /// <summary>Reads the cache; one that is missing or damaged is empty.</summary>
    public static CollectedFrames Load(ComputerFolders folders)
    {
        var collected = new CollectedFrames(Path.Combine(folders.Cache, "collected"));
        if (!File.Exists(collected._path))
        {
            return collected;
        }

        var bytes = File.ReadAllBytes(collected._path);
        var body = bytes.AsSpan(0, Math.Max(0, bytes.Length - HashLength));
        if (body.Length < HeaderLength || !XxHash3.Hash(body).AsSpan().SequenceEqual(bytes.AsSpan(body.Length)))
        {
            return collected;
        }

        var reader = new SpanReader(body, "collected frames");
        collected.Number = reader.UInt32();
        for (var left = reader.Count(body.Length / 8); left > 0; left--)
        {
            collected._frames.Add(Address.FromPacked(reader.UInt64()));
        }

        return collected;
    }

    /// <summary>Takes in what a session's opening told, and keeps it.</summary>
    public void Take(uint number, IReadOnlyList<MissingFrame> frames)
    {
        if (number == Number && frames.Count == 0)
        {
            return;
        }

        Number = number;
        _frames.UnionWith(frames.Select(frame => new Address(frame.Pack, frame.Frame)));
        var writer = new ByteWriter(HeaderLength + (_frames.Count * 8) + HashLength).UInt32(Number).UInt32((uint)_frames.Count);
        foreach (var frame in _frames)
        {
            writer.UInt64(frame.Packed);
        }

        writer.Bytes(XxHash3.Hash(writer.Written));
        var temporary = $"{_path}.{Guid.NewGuid():N}.new";
        File.WriteAllBytes(temporary, writer.Written);
        File.Move(temporary, _path, overwrite: true);
    }
}
