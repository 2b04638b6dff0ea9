using Holdfast.Format;
using Holdfast.Format.Packs;

namespace Holdfast.Client.Checking;

/// <summary>One checker's buffers: frames that lie side by side are read together, a few megabytes at a time.</summary>
internal sealed class PackReading
{
    private const int RunLengthMax = Limits.FrameLengthMax + (2 * Limits.Alignment);

    private readonly byte[] _sealed = new byte[RunLengthMax];

    public byte[] Plaintext { get; } = new byte[RunLengthMax];

    public byte[] Unpacked { get; } = new byte[Packing.FrameFiller.DataLength];

    public IEnumerable<List<FrameRow>> Runs(IEnumerable<FrameRow> frames)
    {
        var run = new List<FrameRow>();
        foreach (var frame in frames.OrderBy(frame => frame.Offset))
        {
            if (run.Count > 0 && (run[^1].Offset + run[^1].Length != frame.Offset || frame.Offset + frame.Length - run[0].Offset > RunLengthMax))
            {
                yield return run;
                run = [];
            }

            run.Add(frame);
        }

        if (run.Count > 0)
        {
            yield return run;
        }
    }

    public Memory<byte> Sealed(List<FrameRow> run) => _sealed.AsMemory(0, (int)(run[^1].Offset + run[^1].Length - run[0].Offset));

    public ReadOnlySpan<byte> Frame(FrameRow frame, long start) => _sealed.AsSpan((int)(frame.Offset - start), frame.Length);
}
