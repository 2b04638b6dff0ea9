using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Computers;

/// <summary>The enrolment as it is kept in computer.json.</summary>
internal sealed record StoredComputer(
    int Version, string ServiceUrl, string Account, string AccountName, uint Number, string Name, string Token, byte[] RootKey, uint Group, byte[] GroupSecret, byte[] SigningKey);

/// <summary>What this computer has seen: the newest head of each computer, and the account log's length and last hash.</summary>
internal sealed record SeenState(Dictionary<uint, SeenHead> Heads, ulong LogSequence, byte[] LogHash);

internal sealed record SeenHead(uint Sequence, byte[] Id);

[JsonSourceGenerationOptions(WriteIndented = true)]
[JsonSerializable(typeof(StoredComputer))]
[JsonSerializable(typeof(SeenState))]
[JsonSerializable(typeof(EnrolmentAttempt))]
internal sealed partial class LocalJson : JsonSerializerContext;

/// <summary>Reads and writes this computer's enrolment.</summary>
public static class ComputerFile
{
    private const int CurrentVersion = 1;

    /// <summary>True if this computer is enrolled.</summary>
    public static bool Exists(ComputerFolders folders) => File.Exists(PathIn(folders));

    /// <summary>Keeps an enrolment whose last request is on its way: if its answer is lost, <see cref="TryLoadUnfinished"/> has the keys that the account may have certified.</summary>
    public static void SaveUnfinished(ComputerFolders folders, Computer computer) => Save(UnfinishedIn(folders), computer);

    public static Computer? TryLoadUnfinished(ComputerFolders folders) => File.Exists(UnfinishedIn(folders)) ? Load(UnfinishedIn(folders)) : null;

    /// <summary>The unfinished enrolment is whole.</summary>
    public static void Finish(ComputerFolders folders) => PrivateFile.Rename(UnfinishedIn(folders), PathIn(folders));

    public static void DropUnfinished(ComputerFolders folders) => File.Delete(UnfinishedIn(folders));

    public static void Save(ComputerFolders folders, Computer computer) => Save(PathIn(folders), computer);

    private static void Save(string path, Computer computer) => PrivateFile.Write(path, new StoredComputer(
        CurrentVersion, computer.ServiceUrl, computer.Account.ToString(), computer.AccountName, computer.Number, computer.Name, computer.Token,
        computer.RootKey, computer.Group.Group, computer.Group.Secret, computer.SigningKey.ExportParameters(true).D!), LocalJson.Default.StoredComputer);

    /// <summary>The enrolled computer; one that is not enrolled is the failure not_enrolled.</summary>
    public static Computer Load(ComputerFolders folders) => Load(PathIn(folders));

    private static Computer Load(string path)
    {
        var stored = PrivateFile.TryRead(path, LocalJson.Default.StoredComputer)
            ?? throw new HoldfastException(FailureTable.NotEnrolled, "This computer is not enrolled.");
        if (stored.Version != CurrentVersion)
        {
            throw new HoldfastException(FailureTable.NewerVersion, $"{path} is of version {stored.Version}.");
        }

        return new Computer(stored.ServiceUrl, AccountId.Parse(stored.Account), stored.AccountName, stored.Number, stored.Name, stored.Token, stored.RootKey,
            new GroupKeys(stored.Group, stored.GroupSecret),
            ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, D = stored.SigningKey }));
    }

    private static string PathIn(ComputerFolders folders) => Path.Combine(folders.Config, "computer.json");

    private static string UnfinishedIn(ComputerFolders folders) => Path.Combine(folders.Config, "enrolling.json");
}
