using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Pods.Serving;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The authority's keys for grants: the one that signs, and the one before it, under which grants may still be under way.</summary>
/// <remarks>
/// A rotation tells the pod first and signs with the new key afterwards; cut off anywhere, the key on disk is one that the pod trusts. Until the first rotation
/// the authority's own key signs grants.
/// </remarks>
internal sealed class GrantKeys : IDisposable
{
    private const string CurrentFile = DataFolder.GrantKeyFile;
    private const string BeforeFile = "grants.key.before";

    /// <summary>So long after another node's rotation this one may still sign with the key before: until then the pod honours it.</summary>
    private static readonly TimeSpan _looksEvery = TimeSpan.FromSeconds(5);

    /// <summary>By then every node signs with the new key.</summary>
    private static readonly TimeSpan _noticed = _looksEvery + TimeSpan.FromSeconds(1);

    private readonly DataFolder _data;
    private readonly TimeProvider _time;
    private readonly List<ECDsa> _all = [];
    private readonly SemaphoreSlim _rotating = new(1);
    private readonly Lock _lock = new();
    private ECDsa _current;
    private ECDsa? _before;
    private DateTime _written;
    private long _looked;

    private GrantKeys(DataFolder data, TimeProvider time)
    {
        (_data, _time) = (data, time);
        (_current, _before) = Read();
    }

    /// <summary>The key that signs.</summary>
    public ECDsa Current
    {
        get
        {
            if (_time.GetElapsedTime(Volatile.Read(ref _looked)) > _looksEvery)
            {
                LookAgain();
            }

            return Volatile.Read(ref _current);
        }
    }

    /// <summary>What a pod is to trust, the newest first.</summary>
    public IReadOnlyList<byte[]> PublicKeys => [Signatures.ExportPublic(_current), .. _before is null ? (byte[][])[] : [Signatures.ExportPublic(_before)]];

    public static GrantKeys Open(DataFolder data, TimeProvider time) => new(data, time);

    /// <summary>Makes the pod at <paramref name="url"/> trust these keys and no others.</summary>
    public static async Task TellAsync(string root, string url, string secretFile, IReadOnlyList<byte[]> keys, CancellationToken cancellation) =>
        await OperatorCommands.SendAsync(root, url, secretFile, HttpMethod.Put, "/pod/v1/grant-keys",
            JsonContent.Create(new GrantKeysTrusted(keys), StatusJson.Default.GrantKeysTrusted), StatusJson.Default.GrantKeysTrusted, cancellation);

    /// <summary>Changes to a new key.</summary>
    /// <param name="tell">Makes the pod trust these keys and no others.</param>
    /// <param name="revokeOld">Grants under the old key are worthless at once.</param>
    /// <param name="cancellation">Ends it before the change; the old key stays.</param>
    public async Task RotateAsync(Func<IReadOnlyList<byte[]>, CancellationToken, Task> tell, bool revokeOld, CancellationToken cancellation)
    {
        await _rotating.WaitAsync(cancellation);
        try
        {
            using var alone = LockRotation();
            LookAgain();
            if (IsShared && _time.GetUtcNow() - _written is var age && age < _noticed)
            {
                // Some node may still sign with the key before the last.
                await Task.Delay(_noticed - age, _time, cancellation);
            }

            var next = Keep(ECDsa.Create(ECCurve.NamedCurves.nistP256));
            await tell([Signatures.ExportPublic(next), Signatures.ExportPublic(_current)], cancellation);
            lock (_lock)
            {
                _data.WriteKey(BeforeFile, _current);
                _data.WriteKey(CurrentFile, next);
                _before = _current;
                _written = WrittenAt();
                Volatile.Write(ref _current, next);
            }

            if (revokeOld)
            {
                if (IsShared)
                {
                    await Task.Delay(_noticed, _time, CancellationToken.None);
                }

                // Forgotten here first: after a crash nobody tells the pod to trust it again.
                DataFolder.Remove(_data.PathOf(BeforeFile));
                _before = null;
                await tell([Signatures.ExportPublic(next)], CancellationToken.None);
            }
        }
        finally
        {
            _rotating.Release();
        }
    }

    public void Dispose()
    {
        _all.ForEach(key => key.Dispose());
        _rotating.Dispose();
    }

    /// <summary>Takes up what another node rotated to.</summary>
    private void LookAgain()
    {
        lock (_lock)
        {
            Volatile.Write(ref _looked, _time.GetTimestamp());
            try
            {
                if (WrittenAt() != _written)
                {
                    var (current, before) = Read();
                    _before = before;
                    Volatile.Write(ref _current, current);
                }
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException)
            {
                // The folder is away: the keys that are known go on being used.
                Console.Error.WriteLine($"holdfastd: the keys for grants cannot be looked at: {exception.Message}");
            }
        }
    }

    /// <summary>One rotation at a time, whichever node it runs on.</summary>
    private IDisposable LockRotation() => PosixFile.TryLock(_data.PathOf("rotation.lock"))
        ?? throw new HoldfastException(FailureTable.Conflict, "Another node is changing the key for grants just now.");

    /// <summary>By opening it: a network file system then asks its server.</summary>
    private DateTime WrittenAt()
    {
        try
        {
            using var file = File.OpenHandle(_data.PathOf(CurrentFile));
            return File.GetLastWriteTimeUtc(file);
        }
        catch (FileNotFoundException)
        {
            return default;
        }
    }

    /// <summary>Counts as read only if both could be: otherwise the next look tries again.</summary>
    private (ECDsa Current, ECDsa? Before) Read()
    {
        var written = WrittenAt();
        var current = TryRead(CurrentFile) ?? Keep(_data.ReadKey(DataFolder.AuthorityKeyFile));
        var before = TryRead(BeforeFile);
        _written = written;
        return (current, before);
    }

    /// <summary>Another node may take a key away at any moment.</summary>
    private ECDsa? TryRead(string name)
    {
        try
        {
            return Keep(_data.ReadKey(name));
        }
        catch (FileNotFoundException)
        {
            return null;
        }
    }

    private bool IsShared => _data.Configuration.Keys is not null;

    private ECDsa Keep(ECDsa key)
    {
        lock (_all)
        {
            _all.Add(key);
        }

        return key;
    }
}
