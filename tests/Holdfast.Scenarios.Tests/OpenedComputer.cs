using System.Security.Cryptography;
using Holdfast.Client;
using Holdfast.Client.Committing;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Indexing;
using Holdfast.Client.Packing;
using Holdfast.Client.Uploading;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Accounts;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Messages;

namespace Holdfast.Scenarios.Tests;

/// <summary>A computer of a scenario driven through the client's library: for what no verb does, or what only a faulty client would do.</summary>
internal sealed class OpenedComputer : IDisposable
{
    private OpenedComputer(Computer computer, ServiceClient service, OpenedAccount account)
    {
        Computer = computer;
        Service = service;
        Account = account;
    }

    public Computer Computer { get; }

    public ServiceClient Service { get; }

    public OpenedAccount Account { get; }

    public static async Task<OpenedComputer> OpenAsync(ClientComputer client, CancellationToken cancellation)
    {
        var computer = ComputerFile.Load(client.Folders);
        var service = new ServiceClient(computer.ServiceUrl, computer.Account, computer.Token, TimeProvider.System);
        return new OpenedComputer(computer, service, await OpenedAccount.OpenAsync(computer, client.Folders.Of(computer.Account), service, ClientComputer.Passphrase, cancellation));
    }

    /// <summary>Appends what the root says.</summary>
    public Task SayAsync(StatementKind kind, uint number, ulong value, CancellationToken cancellation) =>
        Service.AppendLogAsync(new AppendLog([Sign(kind, number, value).Bytes.ToArray()], null), cancellation);

    /// <summary>The next statement of the log, signed by the root.</summary>
    public Statement Sign(StatementKind kind, uint number, ulong value)
    {
        var log = Account.View.Log;
        return new Statement { Account = log.Account, Sequence = log.Sequence + 1, Previous = log.LastHash, Kind = kind, Number = number, Value = value }.Sign(Account.Keyring.Root);
    }

    /// <summary>Commits a snapshot with any body and map, as a faulty client might.</summary>
    public async Task<Head> CommitAsync(SnapshotBody body, ReferenceMap map, Head previous, CancellationToken cancellation)
    {
        using var numbers = new NumberSource(Service, await Service.OpenSessionAsync(new OpenSession(0), cancellation), TimeProvider.System);
        RandomSource random = RandomNumberGenerator.GetBytes;
        var session = SessionKey.Create(Computer.Account, Computer.Number, Computer.Group, Account.View.Log.AccountKey.Span, random);
        var uploader = new Uploader(Computer, Service, numbers, new PackBuffers(), new BackupProgress());
        using var writer = new SnapshotWriter(Computer, Service, numbers, uploader, new FrameRegistry(), session, random);
        return (await writer.CommitAsync(body, map, previous, null, [], [], cancellation)).Head;
    }

    public void Dispose()
    {
        Account.Dispose();
        Service.Dispose();
        Computer.SigningKey.Dispose();
    }
}
