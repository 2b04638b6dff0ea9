using System.Reflection;
using System.Security.Cryptography;
using Holdfast.Client;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Client.Enrolling;
using Holdfast.Crypto.Keys;

namespace Holdfast.Cli;

/// <summary>What every verb starts from: this computer's enrolment and a connection to its service.</summary>
internal sealed class Session : IDisposable
{
    private Session(ComputerFolders folders, Computer computer, bool waits)
    {
        Folders = folders;
        Computer = computer;
        Service = Attachment.Connect(folders, computer, TimeProvider.System, Random,
            () => Console.Error.WriteLine("holdfast: the service did not know this computer's token any more, and let it in by its key. It may have been rebuilt after a loss: run `holdfast attach`."),
            waits ? () => Console.Error.WriteLine("holdfast: the service does not answer; it is tried again for a minute.") : null);
    }

    public static RandomSource Random { get; } = RandomNumberGenerator.GetBytes;

    public static string Version { get; } =
        typeof(Session).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!.InformationalVersion.Split('+')[0];

    public ComputerFolders Folders { get; }

    public Computer Computer { get; }

    public ServiceClient Service { get; }

    /// <param name="waits">Whether a service that does not answer is waited for, a minute.</param>
    public static Session Open(bool waits = true)
    {
        var folders = ComputerFolders.FromEnvironment();
        var computer = ComputerFile.Load(folders);
        folders.Create();
        folders = folders.Of(computer.Account);
        folders.Create();
        return new Session(folders, computer, waits);
    }

    /// <summary>Opens the account for reading; asks for the passphrase.</summary>
    public Task<OpenedAccount> OpenAccountAsync(CancellationToken cancellation) =>
        OpenedAccount.OpenAsync(Computer, Folders, Service, Secrets.Ask($"Passphrase of account {Computer.AccountName}: ", twice: false), cancellation);

    public void Dispose()
    {
        Service.Dispose();
        Computer.SigningKey.Dispose();
    }
}
