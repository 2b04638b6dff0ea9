using System.Collections.Concurrent;
using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Format.Objects;

namespace Holdfast.Restorer;

/// <summary>Opens accounts with the escrow keys, as a client that proves everything it is shown, and remembers what it saw.</summary>
/// <remarks>An account's root is pinned by what was seen of its log before, by each user of its own.</remarks>
internal sealed class AccountOpener(RestorerSettings settings, IReadOnlyList<EscrowKey> keys, TimeProvider time)
{
    private readonly ConcurrentDictionary<AccountId, SemaphoreSlim> _making = new();

    /// <summary>What the keys are called by.</summary>
    public IReadOnlyList<string> Fingerprints => [.. keys.Select(key => key.Fingerprint)];

    /// <summary>One archive of an account at a time: they share its index and its memory.</summary>
    public async Task<IDisposable> TakeTurnAsync(AccountId account, CancellationToken cancellation)
    {
        var turn = _making.GetOrAdd(account, _ => new SemaphoreSlim(1));
        await turn.WaitAsync(cancellation);
        return new Turn(turn);
    }

    /// <param name="account">The account.</param>
    /// <param name="user">Who uses it: each keeps an index and a memory of its own.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<OpenedAccount> OpenAsync(AccountId account, string user, CancellationToken cancellation)
    {
        var folder = Path.Combine(settings.Folder, "accounts", account.ToString(), user);
        var folders = new ComputerFolders(folder, folder, Path.Combine(folder, "cache"));
        folders.Create();
        var service = new ServiceClient(settings.ServiceUrl, account, settings.Token, time);
        try
        {
            return await OpenedAccount.OpenEscrowedAsync(service, settings.ServiceUrl, account, keys, folders, cancellation);
        }
        catch
        {
            service.Dispose();
            throw;
        }
    }

    private sealed class Turn(SemaphoreSlim turn) : IDisposable
    {
        public void Dispose() => turn.Release();
    }
}
