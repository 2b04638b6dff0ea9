using Holdfast.Format.Objects;

namespace Holdfast.Format.Packs;

/// <summary>Copies frames into a pack of kind 2 without being able to read them: what compaction does (format rule 7).</summary>
public static class PackCopier
{
    /// <summary>A pack <paramref name="number"/> holding the chosen frames of <paramref name="sources"/> (whole packs, of either kind), with every origin's signed record.</summary>
    public static byte[] Copy(uint number, IReadOnlyList<ReadOnlyMemory<byte>> sources, Func<Address, bool> isLive)
    {
        var table = new FrameTable();
        var origins = new SortedDictionary<uint, OriginRecord>();
        var body = new ByteWriter(1 << 20);
        body.Zeros(Limits.Alignment);
        AccountId? account = null;
        foreach (var source in sources)
        {
            var pack = PackTables.Parse(source);
            account ??= pack.Header.Account;
            var damaged = pack.FirstDamagedFrame(source.Span);
            if (damaged is { } address)
            {
                throw new MalformedObjectException("pack", $"frame {address} is damaged and is not copied");
            }

            foreach (var frame in pack.FrameTable.Frames.Where(frame => isLive(frame.Origin)))
            {
                var record = pack.Header.Kind == 1
                    ? OriginRecord.Of(pack)
                    : pack.Origins.First(origin => origin.Header.Number == frame.Origin.Number);
                origins.TryAdd(frame.Origin.Number, record);
                table.Frames.Add(frame with
                {
                    Offset = body.Length,
                    Session = SessionIndex(table, pack.FrameTable.Sessions[frame.Session]),
                });
                body.Bytes(source.Span.Slice((int)frame.Offset, frame.Length));
            }
        }

        var header = new ObjectHeader { Type = ObjectType.Pack, Kind = 2, Number = number, Account = account ?? default };
        header.Write(body.WrittenForUpdate(ObjectHeader.Length));
        var records = new ByteWriter();
        foreach (var record in origins.Values)
        {
            record.Append(records);
        }

        var frameTable = table.Encode();
        var checksum = new byte[32];
        PackTables.Checksum(body.Written, frameTable, [], records.Written, checksum);
        var trailer = new PackTrailer(frameTable.Length, 0, records.Length, checksum, new byte[Signatures.Length]);
        body.Bytes(body.Written[..ObjectHeader.Length]).Bytes(frameTable).Bytes(records.Written);
        trailer.Write(body.Reserve(PackTrailer.Length));
        return body.ToArray();
    }

    private static int SessionIndex(FrameTable table, SealedSessionKey key)
    {
        var index = table.Sessions.FindIndex(other => other.Session == key.Session);
        if (index < 0)
        {
            index = table.Sessions.Count;
            table.Sessions.Add(key);
        }

        return index;
    }
}
