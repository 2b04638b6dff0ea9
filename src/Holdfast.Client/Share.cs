using Holdfast.Client.Archiving;
using Holdfast.Client.Connecting;
using Holdfast.Client.Restoring;
using Holdfast.Crypto;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client;

/// <summary>An archive that the service keeps for others without being able to read it.</summary>
/// <param name="Url">Where it is fetched.</param>
/// <param name="ExpiresAt">Until when, Unix seconds.</param>
/// <param name="Key">The secret key of age that opens it; null if it was encrypted to keys that others have.</param>
/// <param name="Length">Its bytes.</param>
public sealed record SharedLink(string Url, long ExpiresAt, string? Key, long Length)
{
    /// <summary>Both in one: browsers and curl send nothing of what is behind the #.</summary>
    public string Text => Key is null ? Url : $"{Url}#{Key}";
}

/// <summary>Makes an archive on this computer, encrypts it (age), and has the service keep it for whoever has the link: make → encrypt → upload → link.</summary>
public sealed class Share(OpenedAccount account, ServiceClient service, RandomSource random)
{
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="options">What of it, and in what form.</param>
    /// <param name="recipients">Keys to encrypt to; a new one is drawn if there are none.</param>
    /// <param name="days">For how long it is kept.</param>
    /// <param name="progress">Hears how far it is.</param>
    /// <param name="cancellation">Ends it; what was uploaded is deleted after a day.</param>
    public async Task<SharedLink> RunAsync(OpenedSnapshot snapshot, ArchiveOptions options, IReadOnlyList<AgeRecipient> recipients, int days, RestoreProgress progress, CancellationToken cancellation)
    {
        var own = recipients.Count == 0 ? AgeIdentity.Create(random) : null;
        var begun = await service.BeginShareAsync(new BeginShare(Convert.ToHexStringLower(snapshot.Head.Id), days), cancellation);
        await using var upload = new SharedUpload(service, begun.UploadUrl);
        await using (var encrypted = await AgeStream.BeginAsync(upload, own is null ? recipients : [own.Recipient], random, cancellation))
        {
            await new Archive(account).WriteAsync(snapshot, options, encrypted, progress, cancellation);
            await encrypted.FinishAsync(cancellation);
        }

        await upload.FinishAsync(cancellation);
        var link = await service.EndShareAsync(begun.Id, new EndShare(upload.Sent, options.Kind == ArchiveKind.Tar), cancellation);
        return new SharedLink(link.Url, link.ExpiresAt, own?.Text, upload.Sent);
    }
}
