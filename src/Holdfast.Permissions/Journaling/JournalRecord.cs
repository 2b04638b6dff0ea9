using System.Buffers.Binary;
using System.IO.Hashing;
using System.Text;
using System.Text.Json;
using Holdfast.Permissions.Walking;
using Holdfast.Posix;

namespace Holdfast.Permissions.Journaling;

/// <summary>One record: its length (4 bytes), its XXH3 (8 bytes), its kind (1 byte) and what it says; numbers little-endian.</summary>
internal static class JournalRecord
{
    public const int HeadLength = 13;

    /// <summary>Longer than any path that a walk follows, and its names.</summary>
    public const int LengthMax = 4 << 20;

    public enum Kind : byte
    {
        Begin = 1,
        PassBegan = 2,
        Batch = 3,
        Failure = 4,
        Kept = 5,
        Finished = 6,
    }

    public static byte[] Encode(Kind kind, Action<BinaryWriter> write)
    {
        using var buffer = new MemoryStream();
        using var writer = new BinaryWriter(buffer);
        buffer.SetLength(HeadLength);
        buffer.Position = HeadLength - 1;
        writer.Write((byte)kind);
        write(writer);
        writer.Flush();
        var bytes = buffer.ToArray();
        BinaryPrimitives.WriteInt32LittleEndian(bytes, bytes.Length);
        BinaryPrimitives.WriteUInt64LittleEndian(bytes.AsSpan(4), XxHash3.HashToUInt64(bytes.AsSpan(12)));
        return bytes;
    }

    /// <summary>The length of the whole record at the front; 0 if it is torn or damaged.</summary>
    public static int WholeLength(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < HeadLength)
        {
            return 0;
        }

        var length = BinaryPrimitives.ReadInt32LittleEndian(bytes);
        return length >= HeadLength && length <= bytes.Length && XxHash3.HashToUInt64(bytes[12..length]) == BinaryPrimitives.ReadUInt64LittleEndian(bytes[4..]) ? length : 0;
    }

    public static byte[] Begin(JournalState state) => Encode(Kind.Begin, writer =>
    {
        writer.Write(state.Root);
        WriteBytes(writer, JsonSerializer.SerializeToUtf8Bytes(state.Settings));
    });

    public static byte[] PassBegan(JournalState state) => Encode(Kind.PassBegan, writer =>
    {
        writer.Write(state.Step);
        writer.Write(state.Pass);
        writer.Write(state.Changed);
        writer.Write(state.Missed);
    });

    public static byte[] Batch(WalkPosition position, EntryCounts counts, long worked) => Encode(Kind.Batch, writer =>
    {
        writer.Write(position.IsEnd);
        writer.Write(position.IsListing);
        writer.Write(position.Listed);
        WriteBytes(writer, position.Path);
        writer.Write(position.Child is not null);
        WriteBytes(writer, position.Child ?? []);
        foreach (var count in new[] { counts.Right, counts.Changed, counts.Vanished, counts.MountPoints, counts.Failed, worked })
        {
            writer.Write(count);
        }
    });

    public static byte[] Failure(ReadOnlySpan<byte> directory, ReadOnlySpan<byte> name, Errno error)
    {
        var path = EntryFailure.Join(directory, name);
        return Encode(Kind.Failure, writer =>
        {
            writer.Write((int)error);
            WriteBytes(writer, path);
        });
    }

    public static byte[] Kept(KeptPrivilege kept) => Encode(Kind.Kept, writer =>
    {
        WriteBytes(writer, kept.Directory);
        WriteBytes(writer, kept.Name);
        writer.Write(kept.Inode);
        writer.Write(kept.Mode);
        writer.Write(kept.Capability is not null);
        WriteBytes(writer, kept.Capability ?? []);
    });

    public static byte[] Finished() => Encode(Kind.Finished, static _ => { });

    /// <summary>What the journal says with one record more.</summary>
    /// <exception cref="InvalidDataException">The record is not as this program writes it.</exception>
    public static JournalState? Apply(JournalState? state, ReadOnlySpan<byte> record, long offset)
    {
        try
        {
            using var reader = new BinaryReader(new MemoryStream(record[HeadLength..].ToArray()), Encoding.UTF8);
            var kind = (Kind)record[12];
            return (kind, state) switch
            {
                (Kind.Begin, null) => ReadBegin(reader),
                (_, null) => throw new InvalidDataException("it does not begin as a journal does"),
                (Kind.PassBegan, _) => ReadPass(state, reader, offset),
                (Kind.Batch, _) => ReadBatch(state, reader),
                (Kind.Failure, _) => state,
                (Kind.Kept, _) => ReadKept(state, reader),
                (Kind.Finished, _) => state with { IsFinished = true, Kept = [] },
                _ => throw new InvalidDataException($"a record of kind {(byte)kind} is not known; a newer version may have written it"),
            };
        }
        catch (Exception exception) when (exception is IOException or JsonException or ArgumentException)
        {
            throw new InvalidDataException(exception.Message, exception);
        }
    }

    /// <summary>The failure that a record tells of; null if it tells of something else.</summary>
    public static EntryFailure? ReadFailure(ReadOnlySpan<byte> record)
    {
        if ((Kind)record[12] != Kind.Failure)
        {
            return null;
        }

        using var reader = new BinaryReader(new MemoryStream(record[HeadLength..].ToArray()));
        var error = (Errno)reader.ReadInt32();
        return new EntryFailure(ReadBytes(reader), error);
    }

    private static JournalState ReadBegin(BinaryReader reader)
    {
        var root = reader.ReadUInt64();
        var settings = JsonSerializer.Deserialize<PermissionSettings>(ReadBytes(reader)) ?? throw new InvalidDataException("it does not say what is to be changed");
        return new JournalState { Settings = settings, Root = root };
    }

    private static JournalState ReadPass(JournalState state, BinaryReader reader, long offset)
    {
        var (step, pass, changed, missed) = (reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt64(), reader.ReadInt64());
        return step is < 0 or > 1 || pass < 1
            ? throw new InvalidDataException("it tells of a pass that cannot be")
            : state with { Step = step, Pass = pass, Changed = changed, Missed = missed, Position = WalkPosition.Begin, Counts = default, PassOffset = offset, Kept = [] };
    }

    private static JournalState ReadBatch(JournalState state, BinaryReader reader)
    {
        var (isEnd, isListing, listed, path) = (reader.ReadBoolean(), reader.ReadBoolean(), reader.ReadInt64(), ReadBytes(reader));
        var (hasChild, child) = (reader.ReadBoolean(), ReadBytes(reader));
        var counts = new EntryCounts(reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64(), reader.ReadInt64());
        return state with { Position = new WalkPosition(path, isListing, hasChild ? child : null, listed, isEnd), Counts = counts, Worked = reader.ReadInt64(), Kept = [] };
    }

    /// <summary>Into the list that there is: a tree may have millions.</summary>
    private static JournalState ReadKept(JournalState state, BinaryReader reader)
    {
        var (directory, name, inode, mode) = (ReadBytes(reader), ReadBytes(reader), reader.ReadUInt64(), reader.ReadUInt32());
        var (has, capability) = (reader.ReadBoolean(), ReadBytes(reader));
        state.Kept.Add(new KeptPrivilege(directory, name, inode, mode, has ? capability : null));
        return state;
    }

    private static void WriteBytes(BinaryWriter writer, byte[] bytes)
    {
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    private static byte[] ReadBytes(BinaryReader reader)
    {
        var length = reader.ReadInt32();
        if (length < 0 || length > LengthMax)
        {
            throw new InvalidDataException("a length in it cannot be");
        }

        var bytes = reader.ReadBytes(length);
        return bytes.Length == length ? bytes : throw new InvalidDataException("a record ends too early");
    }
}
