using System.Security.Cryptography;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;

namespace Holdfast.Restorer;

/// <summary>The key by which the authority signs passes: what it said last.</summary>
internal sealed class AuthorityKey : IDisposable
{
    private readonly Lock _lock = new();
    private byte[] _public = [];
    private ECDsa? _key;

    public void Learn(byte[] publicKey)
    {
        lock (_lock)
        {
            if (!_public.AsSpan().SequenceEqual(publicKey) && Signatures.TryImport(publicKey) is { } key)
            {
                _key?.Dispose();
                (_public, _key) = (publicKey, key);
            }
        }
    }

    /// <summary>What a pass is for; one that is not this authority's, or has expired, is the failure grant_invalid.</summary>
    public Guid Require(string? text, PassPurpose purpose, DateTimeOffset now)
    {
        lock (_lock)
        {
            var key = _key ?? throw new HoldfastException(FailureTable.ServiceUnavailable, "The restorer has not reached its authority yet.");
            return text is not null && RestorerPass.TryVerify(text, key, now) is { } pass && pass.Purpose == purpose
                ? pass.Subject : throw new HoldfastException(FailureTable.GrantInvalid, "The link is not one of this service, or has expired: ask for another.");
        }
    }

    public void Dispose() => _key?.Dispose();
}
