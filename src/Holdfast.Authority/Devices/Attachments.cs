using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Placing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Devices;

/// <summary>After a rebuild: computers prove themselves by the keys that the account log certifies, and a person by the root key (format rule 18).</summary>
internal sealed class Attachments(AccountDirectory directory, DeviceTable devices, LogTable log, PodClient pod, TimeProvider time)
{
    /// <summary>A restore that takes longer asks again: whoever runs it has the account open.</summary>
    private static readonly TimeSpan _readingLife = TimeSpan.FromHours(1);

    /// <summary>Something to sign; whether the account and the computer exist is not said.</summary>
    public AttachmentAsked Ask(string account, uint computer) => Format.Objects.AccountId.TryParse(account, out var id)
        ? new AttachmentAsked(pod.SignChallenge(new AttachmentChallenge(id, computer, RandomNumberGenerator.GetBytes(AttachmentChallenge.NonceLength), time.GetUtcNow() + AttachmentChallenge.Life)))
        : throw new HoldfastException(FailureTable.InvalidRequest, "That is no account's id.");

    /// <summary>Takes the token that a certified computer drew. The same answer again changes nothing.</summary>
    public async Task<ComputerAttached> AttachAsync(string account, uint computer, string host, AttachComputer request, CancellationToken cancellation)
    {
        if (Answered(request.Challenge) is not { } challenge || challenge.Account.ToString() != account || challenge.Computer != computer || request.TokenHash.Length != SHA256.HashSizeInBytes
            || await directory.FindAsync(challenge.Account, cancellation) is not { } place
            || !(await log.VerifiedAsync(place, cancellation)).Computers.TryGetValue(computer, out var certified) || certified.IsRevoked
            || !Hosts(host).Any(named => AttachmentChallenge.IsProved(certified.SigningKey.Span, request.Challenge, named, request.TokenHash, request.Proof))
            || !await devices.AttachAsync(place, computer, request.TokenHash, cancellation))
        {
            throw new HoldfastException(FailureTable.TokenInvalid, "The account log certifies no such computer and key, the computer was revoked, or the challenge has expired.");
        }

        return new ComputerAttached(place.Name, place.State);
    }

    /// <summary>A person opened the account: its old data may be collected again, and this computer reads everything for a while (an older client's always).</summary>
    public async Task<AccountConfirmed> ConfirmAsync(Device device, string host, ConfirmAccount request, CancellationToken cancellation)
    {
        var root = (await log.VerifiedAsync(device.Place, cancellation)).RootKey;
        if (Answered(request.Challenge) is not { } challenge || challenge.Account != device.Place.Account || challenge.Computer != device.Computer
            || !Hosts(host).Any(named => AttachmentChallenge.IsConfirmed(root.Span, request.Challenge, named, request.Confirmation)))
        {
            throw new HoldfastException(FailureTable.Forbidden, "The challenge is not signed by the account's root key for this service, or has expired. (Behind a proxy the service must be told its address: holdfastd run --url.)");
        }

        await (request.AsksToRead
            ? devices.LetReadAsync(device.Place, device.Computer, time.GetUtcNow() + _readingLife, cancellation)
            : devices.TrustAsync(device.Place, device.Computer, cancellation));
        await directory.OpenAsync(device.Place.Account, cancellation);
        return new AccountConfirmed(AccountState.Open);
    }

    /// <summary>A person opened the account at this computer: it reads everything for a while.</summary>
    public async Task<ReadingOpened> OpenReadingAsync(Device device, string host, OpenReading request, CancellationToken cancellation)
    {
        var root = (await log.VerifiedAsync(device.Place, cancellation)).RootKey;
        if (Answered(request.Challenge) is not { } challenge || challenge.Account != device.Place.Account || challenge.Computer != device.Computer
            || !Hosts(host).Any(named => AttachmentChallenge.IsReadingPermitted(root.Span, request.Challenge, named, request.Permission)))
        {
            throw new HoldfastException(FailureTable.Forbidden, "The challenge is not signed by the account's root key for this service, or has expired. (Behind a proxy the service must be told its address: holdfastd run --url.)");
        }

        var until = time.GetUtcNow() + _readingLife;
        await devices.LetReadAsync(device.Place, device.Computer, until, cancellation);
        return new ReadingOpened(until.ToUnixTimeSeconds());
    }

    /// <summary>What clients may call this service: the host of the request, or behind a proxy that of the address it is known by.</summary>
    private IEnumerable<string> Hosts(string host) => pod.ServiceHost is { } own && own != host ? [host, own] : [host];

    private AttachmentChallenge? Answered(byte[] challenge) => pod.VerifyChallenge(challenge);
}
