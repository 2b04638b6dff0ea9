using System.Security.Cryptography;
using Holdfast.Format.Objects;

namespace Holdfast.Bench.Load;

/// <summary>Objects that a pod takes: two megabytes, as an index segment; what is in it nobody reads here.</summary>
internal sealed class UploadContent(ECDsa signingKey)
{
    public const int Length = 2 << 20;

    private readonly byte[] _body = RandomNumberGenerator.GetBytes(Length - 512);

    public byte[] Of(AccountId account, uint computer, uint number) =>
        SignedObject.Build(new ObjectHeader { Type = ObjectType.IndexSegment, Account = account, Computer = computer, Number = number }, _body, signingKey);
}
