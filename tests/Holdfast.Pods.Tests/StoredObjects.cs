using Holdfast.Format.Objects;
using Holdfast.Pods.Drives;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Tests;

/// <summary>Objects whose content follows from their number, so that whoever wrote them, every byte can be compared.</summary>
internal static class StoredObjects
{
    private static readonly AccountId _account = AccountId.Parse("00112233445566778899aabbccddeeff");

    /// <summary>Small volumes, so that tests cross their ends.</summary>
    public static ShardStoreOptions SmallVolumes { get; } = new(CodedExtentLength: 16 << 20, CopiesExtentLength: 1 << 20);

    public static ObjectName Name(ulong number) => new(_account, ObjectSpace.Numbered, number);

    public static byte[] Content(ulong number, int length)
    {
        var content = new byte[length];
        new Random((int)(number * 7919) ^ length).NextBytes(content);
        return content;
    }

    /// <summary>Mostly small, some that are coded, lengths around the limits.</summary>
    public static int DrawLength(Random random) => random.Next(10) switch
    {
        < 5 => random.Next(1, 5000),
        < 7 => random.Next(5000, 200_000),
        7 => (1 << 20) + random.Next(-2, 3),
        8 => random.Next(1 << 20, 3 << 20),
        _ => 64 * random.Next(1, 3000),
    };
}
