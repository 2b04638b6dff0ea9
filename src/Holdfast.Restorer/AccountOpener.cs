using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Keyrings;
using Holdfast.Format.Objects;

namespace Holdfast.Restorer;

/// <summary>Opens accounts with the escrow keys, as a client that proves everything it is shown, and remembers what it saw.</summary>
internal sealed class AccountOpener(RestorerSettings settings, IReadOnlyList<EscrowKey> keys, TimeProvider time)
{
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
}
