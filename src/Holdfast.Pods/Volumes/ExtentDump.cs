using Holdfast.Format;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Volumes;

/// <summary>Shows an extent to a person: header, records, contents, from its bytes alone.</summary>
public static class ExtentDump
{
    /// <summary>One line for the header, one for each record; whether its shard is whole stands behind it.</summary>
    public static IEnumerable<string> Lines(string path)
    {
        using var extent = Open(path);
        var header = extent.Header;
        yield return $"volume {header.Volume:x8}, {header.Kind}, code {header.Data}+{header.Parity}, shard {header.Shard}, set {header.Set}, generation {header.Generation}, made {header.Created:O}, slots {string.Join(' ', header.Slots)}";
        for (long at = VolumeLayout.FirstRecord; at < extent.Length;)
        {
            if (extent.TryReadRecord(at) is not { } record)
            {
                at += VolumeLayout.Alignment;
                continue;
            }

            var isWhole = extent.IsWhole(record, at);
            yield return $"{at,12}  {record.Type,-9}  {record.Name}  sequence {record.Sequence}  {record.Time:O}  {record.ObjectLength} bytes  shard {record.ShardLength} at {at + record.DataOffset}  {(isWhole ? "whole" : "DAMAGED")}";
            at += record.RecordLength;
        }

        yield return extent.TryReadContents() is { } contents ? $"sealed: {contents.Count} records" : "not sealed";
    }

    private static ExtentReader Open(string path)
    {
        try
        {
            return ExtentReader.TryOpen(path) ?? throw new HoldfastException(FailureTable.DamagedObject, $"{path} has no whole header of an extent.");
        }
        catch (MalformedObjectException exception)
        {
            throw new HoldfastException(FailureTable.NewerVersion, $"{path}: {exception.Message}", exception);
        }
    }
}
