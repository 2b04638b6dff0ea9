using System.Security.Cryptography;
using System.Text.Json;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The service's folder: databases, keys, embedded pod. A lock keeps a second process out; everything in it is private to its owner.</summary>
internal sealed class DataFolder : IDisposable
{
    private const UnixFileMode Private = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly Microsoft.Win32.SafeHandles.SafeFileHandle _lock;

    private DataFolder(string root, Microsoft.Win32.SafeHandles.SafeFileHandle @lock, bool isNew)
    {
        Root = root;
        _lock = @lock;
        IsNew = isNew;
    }

    public string Root { get; }

    public bool IsNew { get; }

    public string PodRoot => Path.Combine(Root, "pod");

    /// <summary>Where the running service says its address, once it answers.</summary>
    public static string ReadyFile(string root) => Path.Combine(root, "ready");

    public static string OperatorTokenFile(string root) => Path.Combine(root, "operator-token");

    public static string BootstrapFile(string root) => Path.Combine(root, "bootstrap-secret");

    /// <summary>Opens the folder, making it at the first start.</summary>
    public static DataFolder Open(string root)
    {
        root = Path.GetFullPath(root);
        Directory.CreateDirectory(root, Private | UnixFileMode.UserExecute);
        using var directory = DirectoryHandle.Open(root);
        var file = directory.OpenFile("lock"u8, OpenFlags.ReadWrite | OpenFlags.Create, 0x180);
        if (!PosixFile.TryLock(file))
        {
            file.Dispose();
            throw new HoldfastException(FailureTable.AlreadyRunning, $"Another holdfastd uses {root}.");
        }

        File.Delete(ReadyFile(root));
        var isNew = !File.Exists(Path.Combine(root, "authority.key"));
        if (isNew && File.Exists(Path.Combine(root, "directory.db")))
        {
            file.Dispose();
            throw new HoldfastException(FailureTable.LocalState, $"{root} has databases but no authority.key: restore the key from its copy; a new one would void every receipt.");
        }

        var folder = new DataFolder(root, file, isNew);
        if (isNew)
        {
            folder.Create();
        }

        return folder;
    }

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

    /// <summary>Begins a rebuild: from here on the databases count for nothing, until <see cref="EndRebuild"/>. Databases that no rebuild left half done are not touched.</summary>
    public void BeginRebuild()
    {
        var databases = Directory.EnumerateFiles(Root, "directory.db*").Concat(Directory.EnumerateFiles(Root, "accounts.db*")).ToList();
        if (databases.Count > 0 && !IsRebuilding)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{Root} has databases: {string.Join(", ", databases.Select(Path.GetFileName))}. If they are to be given up for what lies on the pod, move them away first. Nothing was changed.");
        }

        WritePrivate(RebuildingFile, "The databases in this folder are being rebuilt from the pod.\n");
        databases.ForEach(File.Delete);
    }

    public void EndRebuild()
    {
        File.Delete(RebuildingFile);
        using var directory = DirectoryHandle.Open(Root);
        directory.Sync();
    }

    /// <summary>True if a rebuild was begun and has not ended.</summary>
    public bool IsRebuilding => File.Exists(RebuildingFile);

    private string RebuildingFile => Path.Combine(Root, "rebuilding");

    public DriveSetConfiguration? TryReadDrives()
    {
        try
        {
            return File.Exists(DrivesFile) ? JsonSerializer.Deserialize(File.ReadAllBytes(DrivesFile), StatusJson.Default.DriveSetConfiguration) : null;
        }
        catch (JsonException exception)
        {
            throw new HoldfastException(FailureTable.LocalState, $"{DrivesFile} cannot be understood: {exception.Message}", exception);
        }
    }

    public void WriteDrives(DriveSetConfiguration drives) => WritePrivate(DrivesFile, JsonSerializer.Serialize(drives, StatusJson.Default.DriveSetConfiguration) + "\n");

    private string DrivesFile => Path.Combine(Root, "pod.json");

    public ECDsa ReadKey(string name)
    {
        var key = ECDsa.Create();
        key.ImportFromPem(File.ReadAllText(Path.Combine(Root, name)));
        return key;
    }

    /// <summary>Writes a private file whole or not at all.</summary>
    public static void WritePrivate(string path, string content)
    {
        var temporary = path + ".new";
        using (var stream = new FileStream(temporary, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = Private }))
        {
            stream.Write(System.Text.Encoding.UTF8.GetBytes(content));
            PosixFile.Sync(stream.SafeFileHandle, path);
        }

        File.Move(temporary, path, overwrite: true);
        using var directory = DirectoryHandle.Open(Path.GetDirectoryName(path)!);
        directory.Sync();
    }

    public void Dispose()
    {
        File.Delete(ReadyFile(Root));
        _lock.Dispose();
    }

    private void Create()
    {
        WritePrivate(BootstrapFile(Root), Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(32)) + "\n");
        WriteKey("pod.key");

        // Last: its presence says that all of this is there.
        WriteKey("authority.key");
    }

    private void WriteKey(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        WritePrivate(Path.Combine(Root, name), key.ExportPkcs8PrivateKeyPem() + "\n");
    }
}
