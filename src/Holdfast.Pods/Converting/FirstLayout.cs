using System.Buffers.Binary;
using System.Globalization;
using System.IO.Hashing;
using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Pods.Storing;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Converting;

/// <summary>Moves what the first layout stored (one drive, a file for each object) into volumes. Killed at any point, it goes on at the next start.</summary>
/// <remarks>
/// objects/{account}/{space}/{number ÷ 1,024}/{number}, beside it {number}.condemned with u64 seconds. Behind an object stand its checksums: n × XxHash128 of 64 KiB, seeded with
/// (number shl 16) xor block · u64 length · u64 number · XxHash128 of all that · magic "HOLDDRV1".
/// </remarks>
internal static class FirstLayout
{
    private const int BlockLength = 64 << 10;
    private const int HashLength = 16;
    private const int FooterLength = 16 + HashLength + 8;
    private const string CondemnedSuffix = ".condemned";

    private static ReadOnlySpan<byte> Magic => "HOLDDRV1"u8;

    /// <summary>True if the drive holds objects of the first layout, or did when it was last opened.</summary>
    public static bool IsOn(string root) => DriveMark.Read(root) is { Version: 1 } or { IsConverting: true };

    /// <summary>Makes the drive the only one of a new set; its objects still lie where they lay.</summary>
    public static DriveSetConfiguration Adopt(string root)
    {
        var mark = DriveMark.Read(root);
        var set = mark.Version == 1 ? mark with { Version = DriveMark.CurrentVersion, Set = Guid.NewGuid(), Slot = 0, Drives = 1, IsConverting = true } : mark;
        set.Write(root);
        return new DriveSetConfiguration(set.Set, [Path.GetFullPath(root)]);
    }

    /// <summary>Moves every object; a damaged one stays where it is and is reported.</summary>
    public static async Task ConvertAsync(string root, IPackStore store, Action<string, string> report, CancellationToken cancellation)
    {
        var objects = Path.Combine(root, "objects");
        foreach (var file in Directory.Exists(objects) ? Directory.EnumerateFiles(objects, "*", SearchOption.AllDirectories).ToList() : [])
        {
            cancellation.ThrowIfCancellationRequested();
            if (NameOf(file) is not { } name)
            {
                continue;
            }

            if (TryRead(file, name.Number) is not { } content)
            {
                report("object_damaged", $"{file} does not match its checksums; it was not converted, and stays where it is");
                continue;
            }

            await store.PutAsync(name, content, cancellation);
            if (File.Exists(file + CondemnedSuffix))
            {
                await store.CondemnAsync(name, cancellation);
                File.Delete(file + CondemnedSuffix);
            }

            // It is durable in a volume by now.
            File.Delete(file);
        }

        (DriveMark.Read(root) with { IsConverting = false }).Write(root);
    }

    private static ObjectName? NameOf(string file) =>
        ulong.TryParse(Path.GetFileName(file), CultureInfo.InvariantCulture, out var number)
        && Path.GetDirectoryName(Path.GetDirectoryName(file)) is { } space && byte.TryParse(Path.GetFileName(space), CultureInfo.InvariantCulture, out var spaceNumber)
        && AccountId.TryParse(Path.GetFileName(Path.GetDirectoryName(space)), out var account)
            ? new ObjectName(account, (ObjectSpace)spaceNumber, number) : null;

    private static byte[]? TryRead(string file, ulong number)
    {
        var bytes = File.ReadAllBytes(file);
        if (bytes.Length < FooterLength || !bytes.AsSpan(^8..).SequenceEqual(Magic))
        {
            return null;
        }

        var footer = bytes.AsSpan(bytes.Length - FooterLength);
        var length = BinaryPrimitives.ReadInt64LittleEndian(footer);
        var blocks = (length + BlockLength - 1) / BlockLength;
        if (length < 0 || length + (blocks * HashLength) + FooterLength != bytes.Length || BinaryPrimitives.ReadUInt64LittleEndian(footer[8..]) != number
            || !XxHash128.Hash(bytes.AsSpan((int)length, (int)(blocks * HashLength) + 16)).AsSpan().SequenceEqual(footer.Slice(16, HashLength)))
        {
            return null;
        }

        for (var block = 0; block < blocks; block++)
        {
            var start = block * BlockLength;
            if (!XxHash128.Hash(bytes.AsSpan(start, (int)Math.Min(BlockLength, length - start)), (long)((number << 16) ^ (uint)block)).AsSpan()
                .SequenceEqual(bytes.AsSpan((int)length + (block * HashLength), HashLength)))
            {
                return null;
            }
        }

        return bytes[..(int)length];
    }
}
