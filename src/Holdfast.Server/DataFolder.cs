using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Authority.SelfBackups;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The service's folder: databases, keys, embedded pod. A lock keeps a second process out; everything in it is private to its owner.</summary>
internal sealed class DataFolder : IDisposable
{
    public const string AuthorityKeyFile = "authority.key";
    public const string PodKeyFile = "pod.key";

    private static readonly string[] _databases = ["directory.db", "accounts.db"];

    private const string Configured = "data/" + ServiceConfiguration.FileName;

    private static readonly string[] _copied =
    [
        Configured, "data/" + PodKeyFile, "data/metrics-token", "data/operator-token", "keys/" + AuthorityKeyFile, "keys/bootstrap-secret",
    ];

    private const string PuttingBackFile = "putting-back";

    /// <summary>What signs grants, once it is another key than the authority's own.</summary>
    public const string GrantKeyFile = "grants.key";

    private const string LinkFile = "pod-link.json";
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _lock;

    private DataFolder(string root, Microsoft.Win32.SafeHandles.SafeFileHandle @lock)
    {
        (Root, _lock, Configuration) = (root, @lock, ServiceConfiguration.Read(root));
    }

    public string Root { get; }

    /// <summary>What the configuration file in it says.</summary>
    public ServiceConfiguration Configuration { get; }

    /// <summary>Where the authority's keys are: here, or where all its nodes find them.</summary>
    public string Keys => Configuration.KeysFolderOf(Root);

    public string PodRoot => Path.Combine(Root, "pod");

    /// <summary>Where the running service says its address, once it answers.</summary>
    public static string ReadyFile(string root) => Path.Combine(root, "ready");

    public static string OperatorTokenFile(string root) => Path.Combine(root, "operator-token");

    public static string BootstrapFile(string root) => InKeys(root, "bootstrap-secret");

    /// <summary>The key that seals copies of the databases, and that restores them: to be kept elsewhere too.</summary>
    public static string SelfBackupKeyFile(string root) => InKeys(root, "self-backup.key");

    /// <summary>Whoever has this token may read the metrics.</summary>
    public static string MetricsTokenFile(string root) => Path.Combine(root, "metrics-token");

    /// <summary>The secret of a pod that is a process of its own, kept on the authority's side.</summary>
    public static string PodSecretFile(string root) => InKeys(root, "pod-secret");

    /// <summary>Opens the folder, making it, and the keys of what it is for, at the first start.</summary>
    /// <param name="root">The folder.</param>
    /// <param name="roles">What the process is.</param>
    /// <param name="mayMakeShared">Makes keys in a folder that nodes share; a node that just finds none there must not: it may not be mounted.</param>
    public static DataFolder Open(string root, Roles roles, bool mayMakeShared = false)
    {
        root = Path.GetFullPath(root);
        Directory.CreateDirectory(root, Private | UnixFileMode.UserExecute);
        var file = PosixFile.TryLock(Path.Combine(root, "lock")) ?? throw new HoldfastException(FailureTable.AlreadyRunning, $"Another holdfastd uses {root}.");
        try
        {
            var folder = new DataFolder(root, file);
            File.Delete(ReadyFile(root));
            Directory.CreateDirectory(folder.Keys, Private | UnixFileMode.UserExecute);
            folder.MakeKeys(roles, mayMakeShared);
            return folder;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>The pod that is a process of its own, if the operator joined one.</summary>
    public PodLink? TryReadLink() => TryReadLink(Root);

    public static PodLink? TryReadLink(string root) => TryReadJson(InKeys(root, LinkFile), ServerJson.Default.PodLink);

    public void WriteLink(PodLink link) => WritePrivate(InKeys(Root, LinkFile), JsonSerializer.Serialize(link, ServerJson.Default.PodLink) + "\n");

    /// <summary>Public keys whose grants a pod that is a process of its own honours.</summary>
    public IReadOnlyList<byte[]> ReadTrusted() => TryReadJson(TrustedFile, StatusJson.Default.GrantKeysTrusted)?.Keys ?? [];

    public void WriteTrusted(IReadOnlyList<byte[]> keys) => WritePrivate(TrustedFile, JsonSerializer.Serialize(new GrantKeysTrusted(keys), StatusJson.Default.GrantKeysTrusted) + "\n");

    /// <summary>The pod's drives: those that the operator listed, one in this folder if nobody listed any, or the one of an older version.</summary>
    public DriveSetConfiguration Drives()
    {
        if (TryReadDrives() is { } listed)
        {
            return listed;
        }

        var first = File.Exists(Path.Combine(PodRoot, DriveMark.FileName)) ? DriveSetConfiguration.Adopt(PodRoot) : DriveSetConfiguration.Create([PodRoot]);
        WriteDrives(first);
        return first;
    }

    /// <summary>
    /// Begins a rebuild: from here on the databases count for nothing, until <see cref="EndRebuild"/>. Those that are there are not touched, unless a rebuild was begun and did
    /// not end: then they are put aside, for they may be half made.
    /// </summary>
    public void BeginRebuild()
    {
        if (!Configuration.IsEmbedded)
        {
            // A database of its own says it for every node.
            return;
        }

        var databases = _databases.SelectMany(name => new[] { name, name + "-wal", name + "-shm" }).Select(name => Path.Combine(Root, name)).Where(File.Exists).ToList();
        if (databases.Count > 0 && !IsRebuilding)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{Root} has databases: {string.Join(", ", databases.Select(Path.GetFileName))}. If they are to be given up for what lies on the pod, move them away first. Nothing was changed.");
        }

        WritePrivate(RebuildingFile, "The databases in this folder are being rebuilt from the pod. Remove this file only if you put other databases here.\n");
        databases.ForEach(path => File.Move(path, path + ".aside", overwrite: true));
    }

    /// <summary>Deletes databases that this process has just made, to read something with.</summary>
    public void DropHalfMade()
    {
        if (Configuration.IsEmbedded && IsRebuilding)
        {
            foreach (var name in _databases.SelectMany(name => new[] { name, name + "-wal", name + "-shm", name + ".lock" }))
            {
                File.Delete(Path.Combine(Root, name));
            }
        }

        EndRebuild();
    }

    public void EndRebuild() => Remove(RebuildingFile);

    /// <summary>Deletes a file, durably.</summary>
    public static void Remove(string path)
    {
        File.Delete(path);
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(path)!);
        directory.Sync();
    }

    /// <summary>True if a rebuild was begun and has not ended.</summary>
    public bool IsRebuilding => File.Exists(RebuildingFile) || File.Exists(Path.Combine(Root, PuttingBackFile));

    private string RebuildingFile => Path.Combine(Root, "rebuilding");

    public DriveSetConfiguration? TryReadDrives() => TryReadJson(DrivesFile, StatusJson.Default.DriveSetConfiguration);

    public void WriteDrives(DriveSetConfiguration drives) => WritePrivate(DrivesFile, JsonSerializer.Serialize(drives, StatusJson.Default.DriveSetConfiguration) + "\n");

    private string TrustedFile => Path.Combine(Root, "trusted-keys.json");

    private string DrivesFile => Path.Combine(Root, "pod.json");

    public ECDsa ReadKey(string name)
    {
        if (name == PodKeyFile && !File.Exists(PathOf(name)))
        {
            throw new HoldfastException(FailureTable.LocalState, $"{PathOf(name)} is missing: restore it from its copy; a new one would not fit what is stored.");
        }

        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(PathOf(name)));
        return key;
    }

    /// <summary>Seals copies of the databases.</summary>
    public SelfBackupKey ReadSelfBackupKey() => SelfBackupKey.Parse(File.ReadAllText(SelfBackupKeyFile(Root)));

    /// <summary>The small files that make this service what it is, beside its databases: by the folder they are in, and their names.</summary>
    public IReadOnlyList<(string Name, byte[] Content)> FilesToCopy() =>
        [.. from file in _copied let path = InFolder(file) where File.Exists(path) select (file, File.ReadAllBytes(path))];

    /// <summary>True if keys and configuration are to come out of a copy: into a folder that had none, however often that is begun.</summary>
    public static bool BeginPuttingBack(string root)
    {
        var mark = Path.Combine(root, PuttingBackFile);
        if (File.Exists(mark))
        {
            return true;
        }

        if (File.Exists(InKeys(root, AuthorityKeyFile)))
        {
            return false;
        }

        Directory.CreateDirectory(root, Private | UnixFileMode.UserExecute);
        WritePrivate(mark, "Keys and configuration are being put back out of a copy of the service: run `holdfastd restore-self` again.\n");
        return true;
    }

    /// <summary>They are all back. What signs grants is drawn anew: a key that was revoked since the copy must not come back.</summary>
    public static void EndPuttingBack(string root)
    {
        if (!HasOutlived(root, InKeys(root, GrantKeyFile)))
        {
            using var fresh = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            WritePrivate(InKeys(root, GrantKeyFile), fresh.ExportPkcs8PrivateKeyPem() + "\n");
        }

        Remove(Path.Combine(root, PuttingBackFile));
    }

    /// <summary>Puts files of a copy back. What is no such file is left out, and a configuration that is there already counts: it may name other databases on purpose.</summary>
    public static IReadOnlyList<string> PutBack(string root, IEnumerable<(string Name, byte[] Content)> files)
    {
        var put = new List<string>();
        foreach (var (name, content) in files.Where(file => _copied.Contains(file.Name) && !(file.Name == Configured && File.Exists(Path.Combine(root, ServiceConfiguration.FileName)))).OrderBy(file => file.Name.StartsWith("keys/", StringComparison.Ordinal)))
        {
            // The configuration comes first, and says where keys are.
            var path = name.StartsWith("keys/", StringComparison.Ordinal) ? InKeys(root, name["keys/".Length..]) : Path.Combine(root, name["data/".Length..]);
            if (HasOutlived(root, path))
            {
                continue;
            }

            Directory.CreateDirectory(Path.GetDirectoryName(path)!, Private | UnixFileMode.UserExecute);
            WritePrivate(path, System.Text.Encoding.UTF8.GetString(content));
            put.Add(path);
        }

        return put;
    }

    /// <summary>True for what is there in a folder that nodes share, which has outlived the machine: it is newer than any copy.</summary>
    private static bool HasOutlived(string root, string path) => File.Exists(path) && Path.GetRelativePath(root, path).StartsWith("..", StringComparison.Ordinal);

    private string InFolder(string file) => file.StartsWith("keys/", StringComparison.Ordinal) ? Path.Combine(Keys, file["keys/".Length..]) : Path.Combine(Root, file["data/".Length..]);

    /// <summary>Where a key is: the pod's own in this folder, the authority's in that of the keys.</summary>
    public string PathOf(string name) => Path.Combine(name == PodKeyFile ? Root : Keys, name);

    private static string InKeys(string root, string name) => Path.Combine(ServiceConfiguration.Read(root).KeysFolderOf(root), name);

    /// <summary>Writes a private file whole or not at all.</summary>
    public static void WritePrivate(string path, string content) => Write(path, content, replace: true);

    /// <summary>The same, but leaves what is there.</summary>
    private static void TryWritePrivate(string path, string content)
    {
        try
        {
            Write(path, content, replace: false);
        }
        catch (PosixException exception) when (exception.Error == Errno.Exists)
        {
            // Another process was faster.
        }
    }

    private static void Write(string path, string content, bool replace)
    {
        // Its own name: other nodes may write into the same folder.
        var temporary = $"{path}.new-{Environment.ProcessId}-{Guid.NewGuid():N}";
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(path)!);
        try
        {
            using (var stream = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = Private }))
            {
                stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
                stream.Flush();
                PosixFile.Sync(stream.SafeFileHandle, path);
            }

            var (from, to) = (System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(temporary)), System.Text.Encoding.UTF8.GetBytes(Path.GetFileName(path)));
            if (replace)
            {
                directory.Rename(from, directory, to, replace: true);
            }
            else
            {
                // Fails if it is there, on network file systems too.
                directory.MakeHardLink(to, directory, from);
            }
        }
        finally
        {
            File.Delete(temporary);
        }

        directory.Sync();
    }

    public void Dispose()
    {
        File.Delete(ReadyFile(Root));
        _lock.Dispose();
    }

    /// <summary>A pod that was joined keeps the key that its authority knows; an authority with databases keeps the key it signed with.</summary>
    private void MakeKeys(Roles roles, bool mayMakeShared)
    {
        var isNewPod = roles.Pod && new[] { PathOf(PodKeyFile), PathOf(AuthorityKeyFile), TrustedFile }.All(path => !File.Exists(path));
        var isNewAuthority = roles.Authority && !File.Exists(PathOf(AuthorityKeyFile));
        if (isNewAuthority && File.Exists(Path.Combine(Root, "directory.db")))
        {
            throw new HoldfastException(FailureTable.LocalState, $"{Root} has databases but no {AuthorityKeyFile}: restore the key from its copy; a new one would void every receipt.");
        }

        if (isNewAuthority && Configuration.Keys is not null && !mayMakeShared)
        {
            throw new HoldfastException(FailureTable.LocalState, $"{Keys} has no keys: mount it, or make them with `holdfastd pod join` (or `holdfastd keys create`) if this service is new.");
        }

        if (!File.Exists(BootstrapFile(Root)))
        {
            TryWritePrivate(BootstrapFile(Root), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n");
        }

        if (!File.Exists(MetricsTokenFile(Root)))
        {
            TryWritePrivate(MetricsTokenFile(Root), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n");
        }

        if (roles.Authority && !File.Exists(SelfBackupKeyFile(Root)))
        {
            TryWritePrivate(SelfBackupKeyFile(Root), SelfBackupKey.Draw() + "\n");
        }

        if (isNewPod)
        {
            WriteKey(PodKeyFile);
        }

        if (isNewAuthority)
        {
            // Last: its presence says that all of this is there.
            WriteKey(AuthorityKeyFile);
        }
    }

    /// <summary>Makes a key, unless another node did at the same time: then that one counts.</summary>
    private void WriteKey(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        TryWritePrivate(PathOf(name), key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    public void WriteKey(string name, ECDsa key) => WritePrivate(PathOf(name), key.ExportPkcs8PrivateKeyPem() + "\n");

    private static T? TryReadJson<T>(string path, JsonTypeInfo<T> type)
        where T : class
    {
        try
        {
            return File.Exists(path) ? JsonSerializer.Deserialize(File.ReadAllBytes(path), type) : null;
        }
        catch (JsonException exception)
        {
            throw new HoldfastException(FailureTable.LocalState, $"{path} cannot be understood: {exception.Message}", exception);
        }
    }
}
