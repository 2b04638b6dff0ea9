using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Enrolling;

/// <summary>After the service was rebuilt from its pods: a computer proves itself by its certified key, and a person confirms the account by its root key.</summary>
public static class Attachment
{
    /// <summary>A connection that gets this computer a new token if the service does not know the old one any more.</summary>
    /// <param name="folders">Where the computer's file lies.</param>
    /// <param name="computer">The computer.</param>
    /// <param name="time">Clock.</param>
    /// <param name="random">Draws the token.</param>
    /// <param name="attached">Called once that has happened.</param>
    /// <param name="waiting">Called once when the service does not answer for some seconds, and is waited for, a minute; null if it is not waited for so long.</param>
    public static ServiceClient Connect(ComputerFolders folders, Computer computer, TimeProvider time, RandomSource random, Action attached, Action? waiting) =>
        new(computer.ServiceUrl, computer.Account, computer.Token, time)
        {
            IsKnown = waiting is not null,
            Waiting = waiting,
            RenewToken = async cancellation =>
            {
                if (ComputerFile.Load(folders) is var now && now.Token != computer.Token)
                {
                    // Another command was faster.
                    computer = now;
                    return now.Token;
                }

                var known = await AttachAsync(computer, time, random, cancellation);
                ComputerFile.Save(folders, known);
                computer = known;
                attached();
                return known.Token;
            },
        };

    /// <summary>The computer with a token that the service knows; one that the account log does not certify, or that was revoked, is the failure token_invalid.</summary>
    public static async Task<Computer> AttachAsync(Computer computer, TimeProvider time, RandomSource random, CancellationToken cancellation)
    {
        using var service = new ServiceClient(computer.ServiceUrl, computer.Account, null, time);
        var challenge = Checked(await service.AskAttachmentAsync(computer.Number, cancellation), computer);
        var token = DeviceToken.Draw(computer.Account, computer.Number, length => random(length));
        var hash = DeviceToken.HashOf(token);
        await service.AttachAsync(computer.Number, new AttachComputer(challenge, hash, AttachmentChallenge.Prove(computer.SigningKey, challenge, HostOf(computer), hash)), cancellation);
        return computer with { Token = token };
    }

    /// <summary>Says with the root key that a person who can open the account has seen it: what is old may be collected again, and this computer reads everything for a while.</summary>
    public static async Task ConfirmAsync(ServiceClient service, Computer computer, Keyring keyring, CancellationToken cancellation)
    {
        var challenge = Checked(await service.AskAttachmentAsync(computer.Number, cancellation), computer);
        await service.ConfirmAsync(new ConfirmAccount(challenge, AttachmentChallenge.Confirm(keyring.Root, challenge, HostOf(computer)), AsksToRead: true), cancellation);
    }

    /// <summary>Lets this computer read the whole account for an hour, by the root key: its token alone only adds.</summary>
    public static async Task OpenReadingAsync(ServiceClient service, Computer computer, Keyring keyring, CancellationToken cancellation)
    {
        var challenge = Checked(await service.AskAttachmentAsync(computer.Number, cancellation), computer);
        await service.OpenReadingAsync(new OpenReading(challenge, AttachmentChallenge.PermitReading(keyring.Root, challenge, HostOf(computer))), cancellation);
    }

    private static string HostOf(Computer computer) => new Uri(computer.ServiceUrl).Authority;

    private static byte[] Checked(AttachmentAsked asked, Computer computer) => AttachmentChallenge.IsFor(asked.Challenge, computer.Account, computer.Number)
        ? asked.Challenge : throw new HoldfastException(FailureTable.Tampered, "What the service asks to have signed is no challenge for this computer.");
}
