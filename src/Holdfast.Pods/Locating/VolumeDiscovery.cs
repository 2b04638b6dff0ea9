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

    /// <summary>More than any batch leaves on one drive: what lies before that was synced long before the end.</summary>
    private const long VerifiedAgain = 64 << 20;

    public async Task RunAsync()
    {
        FindVolumes();
        set.Volumes.Saw(index.LastVolume);
        set.SawSequence(index.LastSequence);

        // Objects first, marks in their order behind them: a mark may lie in an older volume than what it marks. How far a volume is known is told last.
        var marks = new List<(uint Volume, ContentsRow Row)>();
        var found = new List<FoundVolume>();
        foreach (var volume in set.Volumes.All)
        {
            if (index.GenerationOf(volume.Id) is { } generation && generation != volume.Generation)
            {
                index.Reserve(volume.Id, volume.Generation);
            }

            var known = index.Volume(volume.Id);
            if (known is { IsSealed: true })
            {
                Unsealed(volume).ForEach(shard => index.Doubt(volume.Id, shard));
                volume.IsSealed = true;
                continue;
            }

            var knownTo = known?.KnownTo ?? 0;
            var state = ExtentReader.TryReadContents(volume, set.Drives) is { } contents ? new FoundVolume(volume, contents, EndOf(contents), [.. Unsealed(volume)], IsSealed: true, IsCertain: true) : Walk(volume, knownTo);
            found.Add(state);
            var fresh = state.Rows.Where(row => row.Offset >= knownTo).ToList();
            marks.AddRange(fresh.Where(row => row.Type is not RecordType.Object).Select(row => (volume.Id, row)));
            index.Add(volume.Id, fresh.Where(row => row.Type is RecordType.Object), knownTo, isSealed: false);
        }

        foreach (var (volume, row) in marks.OrderBy(mark => mark.Row.Sequence))
        {
            index.Add(volume, [row], index.Volume(volume)!.Value.KnownTo, isSealed: false);
        }

        set.SawSequence(index.LastSequence);
        foreach (var state in found)
        {
            foreach (var shard in state.Torn)
            {
                index.Doubt(state.Volume.Id, shard);
            }

            // With drives absent that may hold what is missing here, nothing is decided: it is looked through again when they are back.
            state.Volume.IsSealed = state.IsSealed || (state.IsCertain && await TrySealAsync(state));
            index.Add(state.Volume.Id, [], state.IsCertain ? EndOf(state.Rows) : index.Volume(state.Volume.Id)!.Value.KnownTo, state.Volume.IsSealed);
        }
    }

    /// <summary>What was found in a volume that the index did not know as sealed.</summary>
    private sealed record FoundVolume(Volume Volume, List<ContentsRow> Rows, long End, List<int> Torn, bool IsSealed, bool IsCertain);

    private static long EndOf(List<ContentsRow> rows) => rows.Count == 0 ? VolumeLayout.FirstRecord : rows.Max(row => row.Offset + row.RecordLength);

    private void FindVolumes()
    {
        var found = new Dictionary<uint, List<(Drive Drive, ExtentHeader Header)>>();
        foreach (var drive in set.Drives.Where(drive => drive.CanRead))
        {
            foreach (var id in ListVolumes(drive))
            {
                set.Volumes.Saw(id);
                try
                {
                    using var extent = ExtentReader.TryOpen(drive, id, out var isGone);
                    if (extent is not null && extent.Header.Set == set.Id)
                    {
                        (found.TryGetValue(id, out var extents) ? extents : found[id] = []).Add((drive, extent.Header));
                    }
                    else if (extent is null && !isGone)
                    {
                        // It may be whole: nothing may be written in its place.
                        drive.Suspect($"{drive.Describe(id)} cannot be read");
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
            // Two attempts at one volume are never mixed: the one that the index knows counts, or else the one that more drives have; the other is kept and reported.
            var generations = extents.GroupBy(extent => extent.Header.Generation).ToList();
            var known = index.GenerationOf(id);
            var generation = generations.FirstOrDefault(group => group.Key == known) ?? generations.MaxBy(group => group.Count())!;
            if (generations.Count > 1)
            {
                set.Report("generation_conflict", $"volume {id:x8} was made twice; the extents on drives {string.Join(", ", extents.Where(extent => extent.Header.Generation != generation.Key).Select(extent => extent.Drive.Slot))} are not used, and are kept");
            }

            var header = generation.First().Header;
            var volume = new Volume(id, header.Kind, header.Generation, header.Data, header.Parity) { MadeOn = header.Slots };
            foreach (var (drive, own) in generation.Where(extent => extent.Header.Data == header.Data && extent.Header.Parity == header.Parity))
            {
                volume.Place(own.Shard, drive.Slot);
            }

            set.Volumes.Add(volume);
        }
    }

    /// <summary>A drive that cannot even be listed must not keep the others from being read.</summary>
    private static IReadOnlyList<uint> ListVolumes(Drive drive)
    {
        try
        {
            if (drive.CanWrite)
            {
                drive.DropUnpublished();
            }

            return drive.Volumes();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            drive.Suspect(exception.Message);
            return [];
        }
    }

    /// <summary>Extents of a sealed volume that have no seal themselves may lack something.</summary>
    private List<int> Unsealed(Volume volume)
    {
        var unsealed = new List<int>();
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.ReadableDrive(shard, set.Drives) is { } drive)
            {
                using var extent = ExtentReader.TryOpen(drive, volume, shard);
                if (extent?.HasSeal() != true)
                {
                    unsealed.Add(shard);
                }
            }
        }

        return unsealed;
    }

    /// <summary>Every record of a volume that enough drives hold whole, where the last ends, and which shards lack some of them. What was known well before the end was durable before it was told.</summary>
    private FoundVolume Walk(Volume volume, long knownTo)
    {
        var extents = Enumerable.Range(0, volume.Code.Total).Select(shard => volume.ReadableDrive(shard, set.Drives) is { } drive ? ExtentReader.TryOpen(drive, volume, shard) : null).ToArray();
        try
        {
            foreach (var extent in extents)
            {
                extent?.DropCache();
            }

            var (rows, torn, isCertain) = (new List<ContentsRow>(), new HashSet<int>(), true);
            var absent = Enumerable.Range(0, extents.Length).Count(shard => extents[shard] is null && IsAway(volume.MadeOn[shard]));
            var (at, end, longest) = ((long)VolumeLayout.FirstRecord, (long)VolumeLayout.FirstRecord, extents.Max(extent => extent?.Length ?? 0));
            while (at < longest && at - end <= GapMax)
            {
                var records = extents.Select(extent => extent?.TryReadRecord(at)).ToArray();
                var own = records.OfType<RecordHeader>().GroupBy(record => record.Sequence).MaxBy(group => group.Count())?.ToList() ?? [];
                if ((own.Find(record => record.Type == RecordType.Wiped) ?? own.FirstOrDefault()) is not { } any || any.Type == RecordType.Contents)
                {
                    // Zeros that were written ahead are passed over; behind something torn the next block may be a record.
                    at = extents.Min(extent => extent?.NextWritten(at + VolumeLayout.Alignment)) ?? longest;
                    continue;
                }

                var isKnown = at + any.RecordLength <= knownTo - VerifiedAgain;
                var whole = Enumerable.Range(0, records.Length).Where(shard => records[shard]?.Sequence == any.Sequence && (isKnown || extents[shard]!.IsWhole(records[shard]!, at))).ToHashSet();
                // Zeros are written only where a deletion is durable: on whatever drive they are, the object is gone.
                var isKept = any.Type == RecordType.Wiped || whole.Count + absent >= volume.Code.Data || (index.Find(any.Name) is { } place && place.Volume == volume.Id && place.Offset == at);
                isCertain &= whole.Count >= volume.Code.Data || whole.Count + absent < volume.Code.Data;
                if (isKept)
                {
                    rows.Add(ContentsRow.Of(any, at));
                    torn.UnionWith(Enumerable.Range(0, records.Length).Where(shard => extents[shard] is not null && !whole.Contains(shard)));
                }
                else
                {
                    set.Report("record_incomplete", $"volume {volume.Id:x8} at {at}: {whole.Count} of {volume.Code.Data} shards that are needed; it was never acknowledged, and stays where it is");
                }

                set.SawSequence(any.Sequence);
                end = at += any.RecordLength;
            }

            return new FoundVolume(volume, rows, extents.Max(extent => extent?.WrittenEnd(end)) ?? end, [.. torn], IsSealed: false, isCertain);
        }
        finally
        {
            foreach (var extent in extents)
            {
                extent?.Dispose();
            }
        }
    }

    /// <summary>True if the drive of a slot may come back with what it holds.</summary>
    private bool IsAway(byte slot) => slot < set.Drives.Count && !set.Drives[slot].CanRead;

    /// <summary>Seals what is whole; the rest is mended first. True if enough drives have the seal.</summary>
    private async Task<bool> TrySealAsync(FoundVolume state)
    {
        var (volume, sequence) = (state.Volume, set.NextSequence());
        var end = (state.End + VolumeLayout.Alignment - 1) / VolumeLayout.Alignment * VolumeLayout.Alignment;
        var (seals, placed) = (0, 0);
        for (var shard = 0; shard < volume.Code.Total; shard++)
        {
            if (volume.SlotOf(shard) is var slot && (slot < 0 || !set.Drives[slot].CanWrite))
            {
                continue;
            }

            placed++;
            if (state.Torn.Contains(shard))
            {
                continue;
            }

            var (drive, own) = (set.Drives[slot], shard);
            try
            {
                await drive.RunWithinLimitAsync(() =>
                {
                    using var file = drive.OpenExtent(volume.Id, forWriting: true);
                    OpenVolume.SealExtent(file, drive.Describe(volume.Id), OpenVolume.ContentsRecord(volume, own, state.Rows, sequence, time.GetUtcNow()), end, volume.Generation);
                });
                seals++;
            }
            catch (Posix.PosixException exception)
            {
                drive.Suspect(exception.Message);
                index.Doubt(volume.Id, shard);
            }
        }

        return seals >= Math.Min(placed, volume.Code.Parity + 1) && seals > 0;
    }
}
