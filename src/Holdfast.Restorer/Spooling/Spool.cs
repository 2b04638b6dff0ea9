using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Client.Computers;
using Holdfast.Crypto.Keyrings;
using Holdfast.Posix;

namespace Holdfast.Restorer.Spooling;

/// <summary>Archives on this machine's disk, begun and whole, each in a folder named after its id: sealed, so that nobody reads them without an escrow key.</summary>
internal sealed class Spool
{
    private const int NonceLength = 12;
    private const int TagLength = 16;

    private readonly string _folder;
    private readonly IReadOnlyList<EscrowKey> _keys;

    public Spool(string folder, IReadOnlyList<EscrowKey> keys)
    {
        (_folder, _keys) = (Path.Combine(folder, "archives"), keys);
        Directory.CreateDirectory(_folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>Ids of what is there.</summary>
    public IReadOnlyList<string> Held => [.. Directory.EnumerateDirectories(_folder).Select(path => Path.GetFileName(path)!).Where(name => Guid.TryParse(name, out _))];

    /// <summary>Free bytes.</summary>
    public long BytesFree => new DriveInfo(_folder).AvailableFreeSpace;

    public void Delete(string id)
    {
        var folder = FolderOf(id);
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>An archive as it was saved last; one of which nothing is left, or that no key here opens, begins anew.</summary>
    public SpooledArchive Open(string id)
    {
        var folder = FolderOf(id);
        Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        if (TryRead(id) is var (key, state))
        {
            return new SpooledArchive(this, id, key, state);
        }

        return new SpooledArchive(this, id, KeyOf(_keys[0], id), new SpooledState());
    }

    /// <summary>A whole archive for reading, and when it was written; null if it is not there, or not whole.</summary>
    public (SealedStream Content, DateTimeOffset WrittenAt)? TryOpenWhole(string id) => TryRead(id) is (var key, { IsWhole: true } state)
        ? (new SealedStream(File.OpenHandle(ContentOf(id), FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete), key, state.Length, state.Tail), DateTimeOffset.FromUnixTimeSeconds(state.WrittenAt)) : null;

    /// <summary>How far an archive was when it was saved last; null if there is nothing of it.</summary>
    public SpooledState? StateOf(string id) => TryRead(id)?.State;

    public string ContentOf(string id) => Path.Combine(FolderOf(id), "content");

    public string DirectoryOf(string id) => Path.Combine(FolderOf(id), "directory");

    public void Save(string id, byte[] key, SpooledState state)
    {
        var plain = JsonSerializer.SerializeToUtf8Bytes(state, SpoolJson.Default.SpooledState);
        var stored = new byte[NonceLength + plain.Length + TagLength];
        RandomNumberGenerator.Fill(stored.AsSpan(0, NonceLength));
        using var cipher = new AesGcm(key, TagLength);
        cipher.Encrypt(stored.AsSpan(0, NonceLength), plain, stored.AsSpan(NonceLength, plain.Length), stored.AsSpan(NonceLength + plain.Length), "state"u8);
        PrivateFile.Write(StateFileOf(id), stored);
    }

    private (byte[] Key, SpooledState State)? TryRead(string id)
    {
        if (!File.Exists(StateFileOf(id)))
        {
            return null;
        }

        var stored = File.ReadAllBytes(StateFileOf(id));
        foreach (var key in _keys.Select(key => KeyOf(key, id)).Where(_ => stored.Length >= NonceLength + TagLength))
        {
            try
            {
                var plain = new byte[stored.Length - NonceLength - TagLength];
                using var cipher = new AesGcm(key, TagLength);
                cipher.Decrypt(stored.AsSpan(0, NonceLength), stored.AsSpan(NonceLength, plain.Length), stored.AsSpan(NonceLength + plain.Length), plain, "state"u8);
                return JsonSerializer.Deserialize(plain, SpoolJson.Default.SpooledState) is { } state ? (key, state) : null;
            }
            catch (CryptographicException)
            {
                // Sealed under another of the keys, or one that is not here any more.
            }
        }

        return null;
    }

    private static byte[] KeyOf(EscrowKey key, string id) => key.Derive("prepared archive", Guid.Parse(id).ToByteArray());

    private string FolderOf(string id) => Path.Combine(_folder, Guid.Parse(id).ToString());

    private string StateFileOf(string id) => Path.Combine(FolderOf(id), "state");
}

/// <summary>One archive that is being written: its bytes and its central directory, saved now and then.</summary>
internal sealed class SpooledArchive(Spool spool, string id, byte[] key, SpooledState state) : IAsyncDisposable
{
    private readonly SealedStream _content = Open(spool.ContentOf(id), key, state.Length, state.Tail);
    private readonly SealedStream _directory = Open(spool.DirectoryOf(id), key, state.DirectoryLength, state.DirectoryTail);

    private Task _saving = Task.CompletedTask;

    /// <summary>As it was saved last.</summary>
    public SpooledState State { get; private set; } = state;

    public Stream Content => _content;

    public Stream Directory => _directory;

    /// <summary>Begins to save how far it is, beside what is written on; nothing if the last has not ended.</summary>
    public async ValueTask BeginSaveAsync(Func<SpooledState> reached)
    {
        if (!_saving.IsCompleted)
        {
            return;
        }

        await _saving;
        var state = At(reached());
        _saving = Task.Run(() => Save(state));
    }

    /// <summary>Saves how far it is before anything else is done.</summary>
    public async Task SaveAsync(SpooledState reached)
    {
        await _saving;
        var state = At(reached);
        await Task.Run(() => Save(state));
    }

    /// <summary>Saves that nothing is missing any more.</summary>
    public async Task FinishAsync(SpooledState reached)
    {
        await _saving;
        var state = At(reached with { IsWhole = true }) with { DirectoryLength = 0, DirectoryTail = [] };
        await Task.Run(() => Save(state));
    }

    public async ValueTask DisposeAsync()
    {
        // How it ends does not matter any more: what was saved before stands.
        await _saving.ContinueWith(static _ => { }, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        _content.Dispose();
        _directory.Dispose();
        if (State.IsWhole)
        {
            File.Delete(spool.DirectoryOf(id));
        }
    }

    private SpooledState At(SpooledState reached) => reached with { Length = _content.Length, Tail = _content.Tail.ToArray(), DirectoryLength = _directory.Length, DirectoryTail = _directory.Tail.ToArray() };

    /// <summary>Once its bytes are on the disk: what is appended meanwhile changes none of them.</summary>
    private void Save(SpooledState state)
    {
        PosixFile.SyncData(_content.File, spool.ContentOf(id));
        PosixFile.SyncData(_directory.File, spool.DirectoryOf(id));
        spool.Save(id, key, state);
        State = state;
    }

    private static SealedStream Open(string path, byte[] key, long length, byte[] tail) =>
        new(File.OpenHandle(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.Read | FileShare.Delete), key, length, tail);
}
