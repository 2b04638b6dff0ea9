using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Protocol.Failures;
using Holdfast.Restorer.Browsing;
using Holdfast.Restorer.Preparing;
using Holdfast.Restorer.Spooling;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Logging;

namespace Holdfast.Restorer;

/// <summary>Holds the operator's escrow keys, alone: prepares archives of managed accounts (claim → open → write → hand out), and shows what is in them, as a client of the service that is let in while somebody asked for it; and keeps archives that customers encrypted, for whoever has the link.</summary>
public sealed class Restorer : IAsyncDisposable
{
    private readonly ServiceClient _service;
    private readonly AuthorityKey _authority = new();
    private readonly Preparer _preparer;
    private readonly Downloads _downloads;
    private readonly Uploads _uploads;
    private readonly BrowsedAccounts _browsed;
    private readonly BrowseEndpoints _browsing;

    private readonly IReadOnlyList<EscrowKey> _keys;

    /// <exception cref="HoldfastException">wrong_passphrase: a key's file does not open, or is none.</exception>
    public Restorer(RestorerSettings settings, TimeProvider time, ILoggerFactory logging)
    {
        var keys = _keys = [.. settings.Keys.Select(Read)];
        _service = new ServiceClient(settings.ServiceUrl, null, settings.Token, time);
        var opener = new AccountOpener(settings, keys, time);
        var spool = new Spool(settings.Folder, keys);
        _preparer = new Preparer(_service, _authority, opener, spool, settings.AtOnce, time, logging.CreateLogger<Preparer>());
        _downloads = new Downloads(_authority, spool, time);
        _uploads = new Uploads(_authority, spool, time);
        _browsed = new BrowsedAccounts(opener, time);
        _browsing = new BrowseEndpoints(_authority, _browsed, time);
    }

    public void Map(IEndpointRouteBuilder routes)
    {
        _downloads.Map(routes);
        _uploads.Map(routes);
        _browsing.Map(routes);
    }

    /// <summary>Works until it is ended; what is begun then is gone on with at the next start.</summary>
    public async Task RunAsync(CancellationToken cancellation)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        Task[] loops = [_preparer.RunAsync(stop.Token), _browsed.ForgetIdleAsync(stop.Token)];
        await Task.WhenAny(loops);
        await stop.CancelAsync();
        await Task.WhenAll(loops);
    }

    public async ValueTask DisposeAsync()
    {
        await _browsed.DisposeAsync();
        _uploads.Dispose();
        _service.Dispose();
        _authority.Dispose();
        foreach (var key in _keys)
        {
            key.Dispose();
        }
    }

    private static EscrowKey Read(EscrowKeyFile file)
    {
        try
        {
            return EscrowKey.Read(File.ReadAllText(file.Path), file.Passphrase);
        }
        catch (WrongSecretException exception)
        {
            throw new HoldfastException(FailureTable.WrongPassphrase, $"{file.Path} does not open with this passphrase, or is no escrow key.", exception);
        }
    }
}
