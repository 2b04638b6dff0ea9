using Holdfast.Format;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Volumes;
using Holdfast.Protocol.Failures;

namespace Holdfast.Pods.Locating;

/// <summary>At start: finds the volumes on the drives, and what is in them. The index is brought up to date, or made whole again from nothing.</summary>
/// <remarks>
/// A sealed volume is known by its contents, from any drive that has them. One that was open when a process ended is walked through, record by record, from where the index
/// knows it to: what enough drives hold whole is kept (it may have been acknowledged); what fewer hold never was, and is left where it lies and reported.
/// Then it is sealed: nothing is ever appended behind something torn.
/// </remarks>
internal sealed class VolumeDiscovery(DriveSet set, PodIndex index, TimeProvider time)
{
    /// <summary>A torn piece is at most a batch long: beyond this nothing can follow it.</summary>
    private const long GapMax = 256 << 20;

    public async Task RunAsync()
    {
        foreach (var drive in set.Drives.Where(drive => drive.CanWrite))
        {
            drive.DropUnpublished();
        }

        FindVolumes();
        set.SawSequence(index.LastSequence);

        // Objects first, marks in their order behind them: a mark may lie in an older volume than what it marks.
        var marks = new List<(uint Volume, ContentsRow Row)>();
        var open = new List<(Volume Volume, long End, List<ContentsRow> Rows)>();
        foreach (var volume in set.Volumes.All)
        {
            var known = index.Volume(volume.Id);
            if (known is { IsSealed: true })
            {
                volume.IsSealed = true;
                continue;
            }

            var contents = ReadContents(volume);
            volume.IsSealed = contents is not null;
            var (rows, end, torn) = contents is not null ? (contents, known?.KnownTo ?? 0, Unsealed(volume).ToHashSet()) : Walk(volume);
            marks.AddRange(rows.Where(row => row.Type is not RecordType.Object).Select(row => (volume.Id, row)));
            index.Add(volume.Id, rows.Where(row => row.Type is RecordType.Object), end, volume.IsSealed && rows.All(row => row.Type is RecordType.Object));
            foreach (var shard in torn)
            {
                index.Doubt(volume.Id, shard);
            }

            if (!volume.IsSealed)
            {
                open.Add((volume, end, rows));
            }
        }

        foreach (var (volume, row) in marks.OrderBy(mark => mark.Row.Sequence))
        {
            index.Add(volume, [row], index.Volume(volume)!.Value.KnownTo, isSealed: false);
        }

        set.SawSequence(index.LastSequence);
        foreach (var (volume, end, rows) in open)
        {
            await SealAsync(volume, end, rows);
        }

        foreach (var volume in set.Volumes.All)
        {
            index.Add(volume.Id, [], index.Volume(volume.Id)!.Value.KnownTo, isSealed: true);
        }
    }

    private void FindVolumes()
    {
        var found = new Dictionary<uint, List<(Drive Drive, ExtentHeader Header)>>();
        foreach (var drive in set.Drives.Where(drive => drive.CanRead))
        {
            foreach (var id in drive.Volumes())
            {
                try
                {
                    using var extent = ExtentReader.TryOpen(drive, id);
                    if (extent is not null && extent.Header.Set == set.Id)
                    {
                        (found.TryGetValue(id, out var extents) ? extents : found[id] = []).Add((drive, extent.Header));
                    }
                    else
                    {
                        set.Report("extent_unreadable", $"{drive.Describe(id)} has no readable header, or is of another set; its shards are computed from the other drives");
                    }
                }
                catch (MalformedObjectException exception) when (exception.IsNewer)
                {
                    throw new HoldfastException(FailureTable.NewerVersion, $"{drive.Describe(id)}: {exception.Message}. Nothing was changed.", exception);
                }
            }
        }

        foreach (var (id, extents) in found)
        {
            // Two attempts at one volume are never mixed: the one that more drives have counts.
            var generation = extents.GroupBy(extent => extent.Header.Generation).MaxBy(group => group.Count())!;
            var header = generation.First().Header;
            var volume = new Volume(id, header.Kind, header.Generation, header.Data, header.Parity);
            foreach (var (drive, own) in generation.Where(extent => extent.Header.Data == header.Data && extent.Header.Parity == header.Parity))
            {
                volume.Place(own.Shard, drive.Slot);
            }

            set.Volumes.Add(volume);
        }
    }

    private List<ContentsRow>? ReadContents(Volume volume)
    {
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.ReadableDrive(shard, set.Drives) is { } drive)
            {
                using var extent = ExtentReader.TryOpen(drive, volume, shard);
                if (extent?.TryReadContents() is { } contents)
                {
                    return contents;
                }
            }
        }

        return null;
    }

    /// <summary>Extents of a sealed volume that have no seal themselves may lack something.</summary>
    private IEnumerable<int> Unsealed(Volume volume)
    {
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.ReadableDrive(shard, set.Drives) is { } drive)
            {
                using var extent = ExtentReader.TryOpen(drive, volume, shard);
                if (extent?.TryReadContents() is null)
                {
                    yield return shard;
                }
            }
        }
    }

    /// <summary>Every record of a volume that enough drives hold whole, where the last ends, and which shards lack some of them. What the index knows already was durable before it was told.</summary>
    private (List<ContentsRow> Rows, long End, HashSet<int> Torn) Walk(Volume volume)
    {
        var extents = Enumerable.Range(0, volume.Code.Total).Select(shard => volume.ReadableDrive(shard, set.Drives) is { } drive ? ExtentReader.TryOpen(drive, volume, shard) : null).ToArray();
        try
        {
            var (rows, torn) = (new List<ContentsRow>(), new HashSet<int>());
            var knownTo = index.Volume(volume.Id)?.KnownTo ?? 0;
            var (at, end, longest) = ((long)VolumeLayout.FirstRecord, (long)VolumeLayout.FirstRecord, extents.Max(extent => extent?.Length ?? 0));
            while (at < longest && at - end <= GapMax)
            {
                var records = extents.Select(extent => extent?.TryReadRecord(at)).ToArray();
                var sequence = records.OfType<RecordHeader>().GroupBy(record => record.Sequence).MaxBy(group => group.Count())?.Key;
                if (records.FirstOrDefault(record => record?.Sequence == sequence) is not { } any || any.Type == RecordType.Contents)
                {
                    at += VolumeLayout.Alignment;
                    continue;
                }

                var isKnown = at + any.RecordLength <= knownTo;
                var whole = Enumerable.Range(0, records.Length).Where(shard => records[shard]?.Sequence == sequence && (isKnown || extents[shard]!.TryReadShard(records[shard]!, at) is not null)).ToHashSet();
                if (whole.Count >= volume.Code.Data)
                {
                    rows.Add(ContentsRow.Of(any, at));
                    torn.UnionWith(Enumerable.Range(0, records.Length).Where(shard => volume.SlotOf(shard) >= 0 && !whole.Contains(shard)));
                }
                else
                {
                    set.Report("record_incomplete", $"volume {volume.Id:x8} at {at}: {whole.Count} of {volume.Code.Data} shards that are needed; it was never acknowledged, and stays where it is");
                }

                set.SawSequence(any.Sequence);
                end = at += any.RecordLength;
            }

            return (rows, Math.Max(end, longest), torn);
        }
        finally
        {
            foreach (var extent in extents)
            {
                extent?.Dispose();
            }
        }
    }

    private async Task SealAsync(Volume volume, long end, IReadOnlyList<ContentsRow> rows)
    {
        var sequence = set.NextSequence();
        end = (end + VolumeLayout.Alignment - 1) / VolumeLayout.Alignment * VolumeLayout.Alignment;
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.SlotOf(shard) is var slot && (slot < 0 || !set.Drives[slot].CanWrite))
            {
                continue;
            }

            var (drive, own) = (set.Drives[slot], shard);
            try
            {
                await drive.RunAsync(() =>
                {
                    using var file = drive.OpenExtent(volume.Id, forWriting: true);
                    OpenVolume.SealExtent(file, drive.Describe(volume.Id), OpenVolume.ContentsRecord(volume, own, rows, sequence, time.GetUtcNow()), end, volume.Generation);
                });
            }
            catch (Posix.PosixException exception)
            {
                drive.Suspect(exception.Message);
                index.Doubt(volume.Id, shard);
            }
        }

        volume.IsSealed = true;
    }
}
