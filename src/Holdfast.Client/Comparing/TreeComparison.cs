using System.Text;
using Holdfast.Client.Walking;
using Holdfast.Posix;

namespace Holdfast.Client.Comparing;

/// <summary>Compares two trees: every byte and everything that is restored. Access and change times are not.</summary>
public sealed class TreeComparison
{
    private const int BufferLength = 256 << 10;
    private const int DifferencesMax = 1000;

    private readonly List<EntryTrouble> _differences = [];
    private readonly Dictionary<(ulong, ulong), (ulong, ulong)> _links = [];
    private readonly byte[] _left = new byte[BufferLength];
    private readonly byte[] _right = new byte[BufferLength];

    public long Files { get; private set; }

    public long Others { get; private set; }

    public long Bytes { get; private set; }

    /// <summary>The first thousand differences.</summary>
    public IReadOnlyList<EntryTrouble> Differences => _differences;

    /// <summary>Compares what two paths name.</summary>
    public static TreeComparison Compare(string left, string right, CancellationToken cancellation)
    {
        var comparison = new TreeComparison();
        using var leftParent = DirectoryHandle.Open(Path.GetDirectoryName(Full(left)) ?? "/");
        using var rightParent = DirectoryHandle.Open(Path.GetDirectoryName(Full(right)) ?? "/");
        comparison.CompareEntries(leftParent, Name(left), rightParent, Name(right), left, cancellation);
        return comparison;
    }

    private static string Full(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path.Length == 0 ? "." : path));

    private static byte[] Name(string path) => Encoding.UTF8.GetBytes(Path.GetFileName(Full(path)) is { Length: > 0 } name ? name : ".");

    private void CompareEntries(DirectoryHandle leftParent, byte[] leftName, DirectoryHandle rightParent, byte[] rightName, string path, CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        if (leftParent.TryStatus(leftName) is not { } left || rightParent.TryStatus(rightName) is not { } right)
        {
            Differ(path, "it is missing on one side");
            return;
        }

        if (!CompareStatus(left, right, path))
        {
            return;
        }

        switch (left.Kind)
        {
            case FileKind.Directory:
                Others++;
                using (var leftDirectory = leftParent.OpenDirectory(leftName))
                using (var rightDirectory = rightParent.OpenDirectory(rightName))
                {
                    CompareAttributes(leftDirectory.Handle, rightDirectory.Handle, path);
                    CompareNames(leftDirectory, rightDirectory, path, cancellation);
                }

                break;
            case FileKind.File:
                Files++;
                Bytes += left.Size;
                using (var leftFile = leftParent.OpenFile(leftName, OpenFlags.ReadOnly))
                using (var rightFile = rightParent.OpenFile(rightName, OpenFlags.ReadOnly))
                {
                    CompareAttributes(leftFile, rightFile, path);
                    CompareContent(leftFile, rightFile, left, right, path);
                }

                break;
            default:
                Others++;
                if (left.Kind == FileKind.SymbolicLink && !leftParent.ReadLink(leftName).AsSpan().SequenceEqual(rightParent.ReadLink(rightName)))
                {
                    Differ(path, "the link targets differ");
                }

                break;
        }
    }

    private bool CompareStatus(in FileStatus left, in FileStatus right, string path)
    {
        if (left.Kind != right.Kind)
        {
            Differ(path, $"one is a {left.Kind}, the other a {right.Kind}");
            return false;
        }

        if (left.Permissions != right.Permissions)
        {
            Differ(path, $"modes differ: {Convert.ToString(left.Permissions, 8)} and {Convert.ToString(right.Permissions, 8)}");
        }

        if (PosixFile.IsRoot && (left.Owner, left.Group) != (right.Owner, right.Group))
        {
            Differ(path, $"owners differ: {left.Owner}:{left.Group} and {right.Owner}:{right.Group}");
        }

        if ((left.ModifiedSeconds, left.ModifiedNanoseconds) != (right.ModifiedSeconds, right.ModifiedNanoseconds))
        {
            Differ(path, "modification times differ");
        }

        if (left.Kind is FileKind.CharacterDevice or FileKind.BlockDevice && (left.DeviceMajor, left.DeviceMinor) != (right.DeviceMajor, right.DeviceMinor))
        {
            Differ(path, "device numbers differ");
        }

        if (left.Kind != FileKind.Directory && left.Links > 1)
        {
            var twin = (right.Device, right.Inode);
            if (_links.TryGetValue((left.Device, left.Inode), out var first) ? first != twin : !_links.TryAdd((left.Device, left.Inode), twin))
            {
                Differ(path, "it is not the same hard link");
            }
        }

        return true;
    }

    private void CompareNames(DirectoryHandle left, DirectoryHandle right, string path, CancellationToken cancellation)
    {
        var (leftNames, rightNames) = (SortedNames.Read(left), SortedNames.Read(right));
        for (int i = 0, j = 0; i < leftNames.Count || j < rightNames.Count;)
        {
            var order = i == leftNames.Count ? 1 : j == rightNames.Count ? -1 : leftNames[i].AsSpan().SequenceCompareTo(rightNames[j]);
            if (order == 0)
            {
                CompareEntries(left, leftNames[i], right, rightNames[j], $"{path}/{Encoding.UTF8.GetString(leftNames[i])}", cancellation);
                i++;
                j++;
                continue;
            }

            Differ($"{path}/{Encoding.UTF8.GetString(order < 0 ? leftNames[i++] : rightNames[j++])}", order < 0 ? "only the first has it" : "only the second has it");
        }
    }

    private void CompareAttributes(Microsoft.Win32.SafeHandles.SafeFileHandle left, Microsoft.Win32.SafeHandles.SafeFileHandle right, string path)
    {
        var (first, second) = (PosixAttributes.List(left, path), PosixAttributes.List(right, path));
        if (first.Count != second.Count
            || first.Zip(second).Any(pair => !pair.First.Name.AsSpan().SequenceEqual(pair.Second.Name) || !pair.First.Value.AsSpan().SequenceEqual(pair.Second.Value)))
        {
            Differ(path, "extended attributes differ");
        }
    }

    private void CompareContent(
        Microsoft.Win32.SafeHandles.SafeFileHandle left, Microsoft.Win32.SafeHandles.SafeFileHandle right, in FileStatus leftStatus, in FileStatus rightStatus, string path)
    {
        if (leftStatus.Size != rightStatus.Size)
        {
            Differ(path, $"lengths differ: {leftStatus.Size} and {rightStatus.Size}");
            return;
        }

        for (long offset = 0; offset < leftStatus.Size;)
        {
            var count = PosixFile.ReadFull(left, _left, offset, path);
            if (count == 0 || PosixFile.ReadFull(right, _right, offset, path) != count || !_left.AsSpan(0, count).SequenceEqual(_right.AsSpan(0, count)))
            {
                Differ(path, $"contents differ at or after byte {offset}");
                return;
            }

            offset += count;
        }
    }

    private void Differ(string path, string how)
    {
        if (_differences.Count < DifferencesMax)
        {
            _differences.Add(new EntryTrouble(path, how));
        }
    }
}
