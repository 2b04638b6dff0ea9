using System.Buffers;
using System.Buffers.Binary;
using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using Holdfast.Format.Objects;
using Holdfast.Pods.Storing;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Drives;

/// <summary>The embedded engine with one drive: checksums find damage, nothing repairs it, and status says so.</summary>
/// <remarks>
/// A put writes to incoming/, syncs, renames without replacing and syncs the directory: a crash leaves the whole object or none.
/// Layout: drive.hf · incoming/ · objects/{account}/{space}/{number ÷ 1,024}/{number}, beside it {number}.condemned while condemned.
/// </remarks>
public sealed class DriveStore : IPackStore, IDisposable
{
    private const int DurableFoldersMax = 10_000;
    private static readonly byte[] _condemnedSuffix = ".condemned"u8.ToArray();

    private readonly string _root;
    private readonly DirectoryHandle _incoming;
    private readonly DirectoryHandle _objects;
    private readonly TimeProvider _time;
    private readonly TimeSpan _grace;

    // Folders whose names are known to be durable: only they may take objects without syncing their parents first.
    private readonly ConcurrentDictionary<string, bool> _durableFolders = new();
    private long _incomingNames;

    private DriveStore(string root, TimeProvider time, TimeSpan grace)
    {
        _root = root;
        _time = time;
        _grace = grace;
        _incoming = DirectoryHandle.Open(Path.Combine(root, "incoming"));
        _objects = DirectoryHandle.Open(Path.Combine(root, "objects"));
    }

    /// <summary>Makes <paramref name="root"/> a drive if nothing is there yet.</summary>
    public static void Create(string root, Guid drive)
    {
        Directory.CreateDirectory(Path.Combine(root, "incoming"));
        Directory.CreateDirectory(Path.Combine(root, "objects"));
        DriveMark.Create(root, drive);
    }

    /// <summary>Opens a drive and clears what a crash left in incoming/: it was never acknowledged.</summary>
    public static DriveStore Open(string root, TimeProvider time, TimeSpan grace)
    {
        DriveMark.Read(root);
        var store = new DriveStore(root, time, grace);
        foreach (var leftover in Directory.EnumerateFiles(Path.Combine(root, "incoming")))
        {
            File.Delete(leftover);
        }

        return store;
    }

    public Task<PutOutcome> PutAsync(ObjectName name, ReadOnlyMemory<byte> content, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        return Guard(name, () => Task.FromResult(Put(name, content)));
    }

    public Task<StoredItem?> FindAsync(ObjectName name, CancellationToken cancellation) => Guard(name, () =>
    {
        using var directory = TryOpenFolder(name);
        return Task.FromResult(directory is null ? null : Find(directory, name));
    });

    public Task ReadAsync(ObjectName name, long offset, Memory<byte> destination, CancellationToken cancellation) => Guard(name, () =>
    {
        cancellation.ThrowIfCancellationRequested();
        Read(name, offset, destination.Span);
        return Task.FromResult(0);
    });

    public async IAsyncEnumerable<StoredItem> ListAsync(AccountId? account, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var root = Path.Combine(_root, "objects");
        var accounts = account is { } one ? [Path.Combine(root, one.ToString())] : Directory.EnumerateDirectories(root);
        foreach (var folder in accounts.Where(Directory.Exists))
        {
            if (!AccountId.TryParse(Path.GetFileName(folder), out var owner))
            {
                continue;
            }

            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
            {
                cancellation.ThrowIfCancellationRequested();
                if (ulong.TryParse(Path.GetFileName(file), CultureInfo.InvariantCulture, out var number)
                    && byte.TryParse(Path.GetFileName(Path.GetDirectoryName(Path.GetDirectoryName(file))), CultureInfo.InvariantCulture, out var space)
                    && await FindAsync(new ObjectName(owner, (ObjectSpace)space, number), cancellation) is { } item)
                {
                    yield return item;
                }
            }
        }
    }

    public Task CondemnAsync(ObjectName name, CancellationToken cancellation) => Guard(name, () =>
    {
        using var directory = OpenFolder(name);
        if (Find(directory, name) is { CondemnedAt: null })
        {
            var now = new byte[8];
            BinaryPrimitives.WriteInt64LittleEndian(now, _time.GetUtcNow().ToUnixTimeSeconds());
            WriteDurably(directory, Condemned(name), name.ToString(), [now]);
        }

        return Task.FromResult(0);
    });

    public Task ReviveAsync(ObjectName name, CancellationToken cancellation) => Guard(name, () =>
    {
        using var directory = OpenFolder(name);
        if (Find(directory, name) is { CondemnedAt: not null })
        {
            directory.Unlink(Condemned(name));
            directory.Sync();
        }

        return Task.FromResult(0);
    });

    public Task DeleteAsync(ObjectName name, CancellationToken cancellation) => Guard(name, () =>
    {
        using var directory = TryOpenFolder(name);
        if (directory is null || Find(directory, name) is not { } item)
        {
            return Task.FromResult(0);
        }

        if (item.CondemnedAt is not { } condemned || _time.GetUtcNow() - condemned < _grace)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{name} is not condemned, or its grace of {_grace} has not passed; it was not deleted.");
        }

        directory.Unlink(FileNameOf(name));
        directory.Unlink(Condemned(name));
        directory.Sync();
        return Task.FromResult(0);
    });

    public void Dispose()
    {
        _incoming.Dispose();
        _objects.Dispose();
    }

    private PutOutcome Put(ObjectName name, ReadOnlyMemory<byte> content)
    {
        using var directory = MakeFolder(name);
        var trailer = BlockChecksums.Trailer(content.Span, name.Number);
        try
        {
            WriteDurably(directory, FileNameOf(name), name.ToString(), [content, trailer]);
            return PutOutcome.Stored;
        }
        catch (PosixException exception) when (exception.Error == Errno.Exists)
        {
            if (HoldsSame(directory, name, content.Span, trailer))
            {
                // Whoever wrote it first may not have synced the directory yet.
                directory.Sync();
                return PutOutcome.AlreadyThere;
            }

            throw new HoldfastException(FailureTable.ObjectExists, $"{name} holds other bytes already.", exception);
        }
    }

    /// <summary>Compares every byte: what has rotted since it was written is not the same any more.</summary>
    private static bool HoldsSame(DirectoryHandle directory, ObjectName name, ReadOnlySpan<byte> content, byte[] trailer)
    {
        using var file = directory.OpenFile(FileNameOf(name), OpenFlags.ReadOnly);
        if (DirectoryHandle.StatusOf(file).Size != content.Length + trailer.Length)
        {
            return false;
        }

        var existing = new byte[BlockChecksums.BlockLength];
        for (var offset = 0; offset < content.Length; offset += existing.Length)
        {
            var expected = content.Slice(offset, Math.Min(existing.Length, content.Length - offset));
            if (PosixFile.ReadFull(file, existing.AsSpan(0, expected.Length), offset, name.ToString()) != expected.Length || !existing.AsSpan(0, expected.Length).SequenceEqual(expected))
            {
                return false;
            }
        }

        var end = new byte[trailer.Length];
        return PosixFile.ReadFull(file, end, content.Length, name.ToString()) == end.Length && end.AsSpan().SequenceEqual(trailer);
    }

    /// <summary>incoming/ → sync → rename without replacing → sync of the directory; on any failure nothing is left.</summary>
    private void WriteDurably(DirectoryHandle directory, byte[] fileName, string description, ReadOnlyMemory<byte>[] parts)
    {
        var temporary = Encoding.ASCII.GetBytes(Interlocked.Increment(ref _incomingNames).ToString(CultureInfo.InvariantCulture));
        var renamed = false;
        try
        {
            using (var file = _incoming.OpenFile(temporary, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, 0x180))
            {
                long offset = 0;
                foreach (var part in parts)
                {
                    PosixFile.Write(file, part.Span, offset, description);
                    offset += part.Length;
                }

                PosixFile.SyncData(file, description);
            }

            _incoming.Rename(temporary, directory, fileName, replace: false);
            renamed = true;
            directory.Sync();
        }
        finally
        {
            if (!renamed && _incoming.TryStatus(temporary) is not null)
            {
                _incoming.Unlink(temporary);
            }
        }
    }

    private void Read(ObjectName name, long offset, Span<byte> destination)
    {
        using var directory = OpenFolder(name);
        using var file = directory.OpenFile(FileNameOf(name), OpenFlags.ReadOnly);
        var length = BlockChecksums.ObjectLength(DirectoryHandle.StatusOf(file).Size);
        if (length < 0)
        {
            throw Damaged(name, "its file has an impossible length");
        }

        ArgumentOutOfRangeException.ThrowIfNegative(offset);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(offset + destination.Length, length);
        var trailer = new byte[BlockChecksums.TrailerLength(length)];
        if (PosixFile.ReadFull(file, trailer, length, name.ToString()) != trailer.Length || !BlockChecksums.IsWhole(trailer, length, name.Number))
        {
            throw Damaged(name, "its checksums are damaged");
        }

        var buffer = ArrayPool<byte>.Shared.Rent(BlockChecksums.BlockLength);
        try
        {
            while (!destination.IsEmpty)
            {
                var block = (int)(offset / BlockChecksums.BlockLength);
                var start = (long)block * BlockChecksums.BlockLength;
                var blockLength = (int)Math.Min(BlockChecksums.BlockLength, length - start);
                var whole = offset == start && destination.Length >= blockLength;
                var target = whole ? destination[..blockLength] : buffer.AsSpan(0, blockLength);
                if (PosixFile.ReadFull(file, target, start, name.ToString()) != blockLength || !BlockChecksums.Matches(trailer, target, block, name.Number))
                {
                    throw Damaged(name, $"bytes {start} to {start + blockLength} do not match their checksum");
                }

                var taken = whole ? blockLength : (int)Math.Min(destination.Length, start + blockLength - offset);
                if (!whole)
                {
                    target.Slice((int)(offset - start), taken).CopyTo(destination);
                }

                destination = destination[taken..];
                offset += taken;
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }
    }

    private static StoredItem? Find(DirectoryHandle directory, ObjectName name)
    {
        if (directory.TryStatus(FileNameOf(name)) is not { } status)
        {
            return null;
        }

        DateTimeOffset? condemnedAt = null;
        if (directory.TryStatus(Condemned(name)) is not null)
        {
            var seconds = new byte[8];
            using var mark = directory.OpenFile(Condemned(name), OpenFlags.ReadOnly);
            PosixFile.ReadFull(mark, seconds, 0, name.ToString());
            condemnedAt = DateTimeOffset.FromUnixTimeSeconds(BinaryPrimitives.ReadInt64LittleEndian(seconds));
        }

        return new StoredItem(name, BlockChecksums.ObjectLength(status.Size), condemnedAt);
    }

    private static HoldfastException Damaged(ObjectName name, string why) => new(FailureTable.DamagedObject, $"{name}: {why}.");

    private static byte[] FileNameOf(ObjectName name) => Encoding.ASCII.GetBytes(name.Number.ToString(CultureInfo.InvariantCulture));

    private static byte[] Condemned(ObjectName name) => [.. FileNameOf(name), .. _condemnedSuffix];

    private static string[] Folders(ObjectName name) =>
        [name.Account.ToString(), ((byte)name.Space).ToString(CultureInfo.InvariantCulture), (name.Number >> 10).ToString(CultureInfo.InvariantCulture)];

    private DirectoryHandle OpenFolder(ObjectName name) =>
        TryOpenFolder(name) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no object {name}.");

    private DirectoryHandle? TryOpenFolder(ObjectName name)
    {
        try
        {
            return DirectoryHandle.Open(Path.Combine([_root, "objects", .. Folders(name)]));
        }
        catch (PosixException exception) when (exception.Error == Errno.NoEntry)
        {
            return null;
        }
    }

    /// <summary>The object's directory; each new one is made durable in its parent before anything is put into it.</summary>
    private DirectoryHandle MakeFolder(ObjectName name)
    {
        var path = Path.Combine(_root, "objects");
        var whole = Path.Combine([path, .. Folders(name)]);
        if (_durableFolders.ContainsKey(whole))
        {
            return DirectoryHandle.Open(whole);
        }

        foreach (var folder in Folders(name))
        {
            using var parent = DirectoryHandle.Open(path);
            path = Path.Combine(path, folder);
            try
            {
                parent.MakeDirectory(Encoding.ASCII.GetBytes(folder), 0x1C0);
            }
            catch (PosixException exception) when (exception.Error == Errno.Exists)
            {
                // Made before, or just now by another put that may not have synced it yet.
            }

            parent.Sync();
        }

        if (_durableFolders.Count > DurableFoldersMax)
        {
            _durableFolders.Clear();
        }

        _durableFolders[whole] = true;
        return DirectoryHandle.Open(whole);
    }

    private static async Task<T> Guard<T>(ObjectName name, Func<Task<T>> action)
    {
        try
        {
            return await action();
        }
        catch (PosixException exception) when (exception.IsFull)
        {
            throw new HoldfastException(FailureTable.PodFull, $"{name}: the pod's disk is full.", exception);
        }
        catch (PosixException exception) when (exception.Error == Errno.NoEntry)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no object {name}.", exception);
        }
        catch (PosixException exception)
        {
            throw new HoldfastException(FailureTable.PodUnavailable, exception.Message, exception);
        }
    }
}
