using System.Security.Cryptography;
using Holdfast.Format;
using Holdfast.Format.Accounts;
using Holdfast.Format.Keyrings;
using Holdfast.Format.Objects;
using Holdfast.Format.Packs;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Grants;

namespace Holdfast.Pods.Storing;

/// <summary>Checks an object's structure and every hash in it, without being able to read it, and says what a receipt says.</summary>
internal static class ObjectInspection
{
    /// <summary>The receipt's contents, copied out of <paramref name="content"/>, which may be used for another object before the receipt is signed; a <see cref="MalformedObjectException"/> if the bytes are not what they claim to be.</summary>
    public static Receipt Inspect(ReadOnlyMemory<byte> content)
    {
        var header = ObjectHeader.Read(content.Span);
        switch (header.Type)
        {
            case ObjectType.Pack:
                var pack = PackTables.Parse(content);
                return pack.FirstDamagedFrame(content.Span) is not { } damaged
                    ? OfPack(pack, content.Length) : throw new MalformedObjectException("pack", $"frame {damaged} does not match its hash");
            case ObjectType.IndexSegment or ObjectType.Snapshot or ObjectType.MapPage:
                var signed = SignedObject.Parse(content, header.Type);
                return Of(header, content.Length) with { Checksum = signed.Checksum.ToArray(), ObjectSignature = signed.Signature.ToArray() };
            case ObjectType.Head:
                Head.Parse(content);
                break;
            case ObjectType.LogStatement:
                Statement.Parse(content);
                break;
            case ObjectType.Keyring:
                KeyringObject.Parse(content);
                break;
            case ObjectType.SelfBackup:
                if (header.Account != default || header.Computer != 0)
                {
                    throw new MalformedObjectException("self-backup", "it is of an account");
                }

                break;
            default:
                throw new MalformedObjectException("object", $"type {header.Type} is not stored on pods");
        }

        return Of(header, content.Length) with { Checksum = SHA256.HashData(content.Span), ObjectSignature = content[^Math.Min(Signatures.Length, content.Length)..].ToArray() };
    }

    /// <summary>What a receipt says of a pack whose tables are these.</summary>
    public static Receipt OfPack(PackTables pack, long length) => Of(pack.Header, length) with
    {
        TablesOffset = length - pack.Trailer.TailLength,
        Frames = pack.FrameTable.Frames.Count,
        Checksum = pack.Trailer.Checksum.ToArray(),
        ObjectSignature = pack.Trailer.Signature.ToArray(),
    };

    private static Receipt Of(ObjectHeader header, long length) => new()
    {
        Type = header.Type, Kind = header.Kind, Account = header.Account, Name = header.Name, Computer = header.Computer, Group = header.Group, Length = length,
        Checksum = default, ObjectSignature = default,
    };
}
