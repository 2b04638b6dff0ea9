using System.Security.Cryptography;
using Holdfast.Client.Computers;
using Holdfast.Client.Connecting;
using Holdfast.Crypto.Hpke;
using Holdfast.Crypto.Keyrings;
using Holdfast.Crypto.Keys;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Enrolling;

/// <summary>What a computer is after enrolment; a recovery key only for the account's first. One that was cut off before and is whole now has shown its recovery key to nobody.</summary>
public sealed record Enrolled(Computer Computer, string? RecoveryKey, bool WasCutOff = false)
{
    /// <summary>The account came back from pods alone, and waits for somebody to look at it and confirm it.</summary>
    public bool IsRebuilt { get; init; }
}

/// <summary>Makes this computer one of an account: the first creates the account's keys, others prove that somebody knows the passphrase. The root is pinned.</summary>
public sealed class Enrolment(ComputerFolders folders, TimeProvider time, RandomSource random)
{
    /// <summary>The group of the account's first form; others come with trust groups.</summary>
    private const uint FirstGroup = 1;

    /// <summary>Enrols with the account's passphrase (which the first computer sets). Nothing is kept locally unless everything worked.</summary>
    /// <param name="serviceUrl">The service's address.</param>
    /// <param name="code">The operator's one-time code.</param>
    /// <param name="name">This computer's name.</param>
    /// <param name="askSecret">Asks for the passphrase; true if the account is new, so that it is asked for twice.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task<Enrolled> EnrolAsync(string serviceUrl, string code, string name, Func<bool, string> askSecret, CancellationToken cancellation)
    {
        RefuseTwice();
        if (await TryFinishAsync(serviceUrl, cancellation) is { } finished)
        {
            return new Enrolled(finished, null, WasCutOff: true);
        }

        using var anonymous = new ServiceClient(serviceUrl, null, null, time);
        var begun = await anonymous.EnrolAsync(new BeginEnrolment(code, name, AttemptFor(serviceUrl, code), AsksToRead: true), cancellation);
        var account = ParseAccount(begun.Account);
        using var service = new ServiceClient(serviceUrl, account, begun.Token, time);
        var signingKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var (keyring, append, recoveryKey) = begun.Log.Count == 0
            ? Found(account, begun.Computer, name, signingKey, askSecret(true))
            : Join(account, begun, name, signingKey, askSecret(false));
        using (keyring)
        {
            var computer = new Computer(serviceUrl, account, begun.AccountName, begun.Computer, name, begun.Token,
                Signatures.ExportPublic(keyring.Root), keyring.Group(FirstGroup), signingKey);

            // Whatever ends this process from here on, the keys that the account certifies are not lost.
            ComputerFile.SaveUnfinished(folders, computer);
            try
            {
                await service.AppendLogAsync(append, cancellation);
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.Conflict || exception.Kind.Retry == Retry.Never)
            {
                // Refused for certain: nothing was certified. The code is still good for this computer.
                ComputerFile.DropUnfinished(folders);
                throw;
            }

            ComputerFile.Finish(folders);
            EnrolmentAttempt.Drop(folders);
            return new Enrolled(computer, recoveryKey) { IsRebuilt = begun.State == AccountState.Rebuilt };
        }
    }

    /// <summary>Enrols without the passphrase: shows a code, and waits until somebody approves it on a computer of the account.</summary>
    /// <param name="serviceUrl">The service's address.</param>
    /// <param name="code">The operator's one-time code.</param>
    /// <param name="name">This computer's name.</param>
    /// <param name="showCode">Shows the code that the approver types in.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public async Task<Enrolled> EnrolWriteOnlyAsync(string serviceUrl, string code, string name, Action<string> showCode, CancellationToken cancellation)
    {
        RefuseTwice();
        if (await TryFinishAsync(serviceUrl, cancellation) is { } finished)
        {
            return new Enrolled(finished, null, WasCutOff: true);
        }

        using var anonymous = new ServiceClient(serviceUrl, null, null, time);
        var signingKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var sealingKey = ECDiffieHellman.Create(ECCurve.NamedCurves.nistP256);
        var request = new EnrolmentRequest(Signatures.ExportPublic(signingKey), Signatures.ExportPublic(sealingKey));
        var begun = await anonymous.EnrolAsync(new BeginEnrolment(code, name, random(BeginEnrolment.AttemptLength), request.Encode()), cancellation);
        if (begun.Log.Count == 0)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The account has no computer yet that could approve this one: enrol the first with a passphrase.");
        }

        // The code covers the root that this server showed: if the approver's pinned root differs, no code fits.
        var log = AccountView.Verified(() => AccountLog.Verify(begun.Log.Select(bytes => (ReadOnlyMemory<byte>)bytes)));
        var account = ParseAccount(begun.Account);
        showCode(request.CodeFor(account, log.RootKey.Span));
        using var service = new ServiceClient(serviceUrl, account, begun.Token, time);
        var approval = await WaitForApprovalAsync(service, begun.Computer, cancellation);
        log = AccountView.Verified(() => AccountLog.Verify(approval.Log.Select(bytes => (ReadOnlyMemory<byte>)bytes), log.RootKey));
        if (!log.Computers.TryGetValue(begun.Computer, out var certified) || !certified.SigningKey.Span.SequenceEqual(request.SigningKey))
        {
            throw new HoldfastException(FailureTable.Tampered, "The account log does not certify this computer's key.");
        }

        var group = request.Open(approval.Sealed, account, begun.Computer, sealingKey, log.RootKey.ToArray());
        var computer = new Computer(serviceUrl, account, begun.AccountName, begun.Computer, name, begun.Token, log.RootKey.ToArray(), group, signingKey);
        ComputerFile.Save(folders, computer);
        return new Enrolled(computer, null);
    }

    /// <summary>Approves a waiting computer by the code that its screen shows; certifies it and seals the group's keys to it.</summary>
    public static async Task<string> ApproveAsync(OpenedAccount account, ServiceClient service, string code, CancellationToken cancellation)
    {
        var log = account.View.Log;
        foreach (var pending in await service.GetPendingAsync(cancellation))
        {
            if (EnrolmentRequest.TryParse(pending.Request) is { } request && EnrolmentRequest.SameCode(request.CodeFor(log.Account, log.RootKey.Span), code))
            {
                if (pending.Approval is not null)
                {
                    // Approved before; the answer was lost.
                    return pending.Name;
                }

                var statement = Certify(log, account.Keyring, pending.Computer, pending.Name, request.SigningKey);
                var approval = request.Seal(account.Keyring.Group(FirstGroup), log.Account, pending.Computer, account.Keyring.Root);
                await service.ApproveAsync(pending.Computer, new ApproveEnrolment(statement.Bytes.ToArray(), approval), cancellation);
                return pending.Name;
            }
        }

        throw new HoldfastException(FailureTable.NotFound, "No waiting computer shows this code. If its screen shows it, the service may have shown it another account: do not approve it.");
    }

    private static Statement Certify(AccountLog log, Keyring keyring, uint number, string name, byte[] signingKey) => new Statement
    {
        Account = log.Account, Sequence = log.Sequence + 1, Previous = log.LastHash, Kind = StatementKind.Computer,
        Number = number, Key = signingKey, Group = FirstGroup, Name = name,
    }.Sign(keyring.Root);

    /// <summary>The account's first computer: root, account key, group, a slot for the passphrase and one for the recovery key.</summary>
    private (Keyring Keyring, AppendLog Append, string RecoveryKey) Found(AccountId account, uint number, string name, ECDsa signingKey, string passphrase)
    {
        var keyring = Keyring.Create(account, random);
        var log = AccountLog.Verify([]);
        log.Append(new Statement
        {
            Account = account, Sequence = 1, Previous = new byte[32], Kind = StatementKind.Genesis,
            Key = Signatures.ExportPublic(keyring.Root), AccountKey = keyring.Body.AccountKeys[^1].PublicKey, Number = ObjectHeader.CurrentSuite,
        }.Sign(keyring.Root));
        var recoveryKey = RecoveryKey.Create(random);
        log.Append(keyring.AddSlot(Unlocking.Of(passphrase), "passphrase", log, random));
        log.Append(keyring.AddSlot(Unlocking.Of(recoveryKey), "recovery key", log, random));
        log.Append(Certify(log, keyring, number, name, Signatures.ExportPublic(signingKey)));
        return (keyring, new AppendLog([.. log.Statements.Select(statement => statement.Bytes.ToArray())], keyring.Store(random).Bytes.ToArray()), recoveryKey);
    }

    /// <summary>A further computer: whoever enrols it opens the keyring, and so proves the root that the service shows.</summary>
    private static (Keyring Keyring, AppendLog Append, string? RecoveryKey) Join(AccountId account, EnrolmentBegun begun, string name, ECDsa signingKey, string secret)
    {
        var log = AccountView.Verified(() => AccountLog.Verify(begun.Log.Select(bytes => (ReadOnlyMemory<byte>)bytes)));
        if (log.Account != account || begun.Keyring is null)
        {
            throw new HoldfastException(FailureTable.Tampered, "The service shows another account's log, or no keyring.");
        }

        var keyring = OpenedAccount.OpenKeyring(begun.Keyring, log, secret);
        return (keyring, new AppendLog([Certify(log, keyring, begun.Computer, name, Signatures.ExportPublic(signingKey)).Bytes.ToArray()], null), null);
    }

    private async Task<(byte[] Sealed, IReadOnlyList<byte[]> Log)> WaitForApprovalAsync(ServiceClient service, uint computer, CancellationToken cancellation)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(1), time);
        do
        {
            if ((await service.GetPendingAsync(cancellation)).FirstOrDefault(pending => pending.Computer == computer)?.Approval is { } approval)
            {
                return (approval, await service.GetLogAsync(cancellation));
            }
        }
        while (await timer.WaitForNextTickAsync(cancellation));

        throw new OperationCanceledException(cancellation);
    }

    private static AccountId ParseAccount(string text) => AccountId.TryParse(text, out var account)
        ? account
        : throw new HoldfastException(FailureTable.Internal, "The service's answer names no account.");

    private void RefuseTwice()
    {
        folders.Create();
        if (ComputerFile.Exists(folders))
        {
            throw new HoldfastException(FailureTable.AlreadyEnrolled, $"{folders.Config} holds an enrolment already.");
        }
    }

    /// <summary>An enrolment that was cut off behind its last request is whole if the account log certifies its key; else it begins again.</summary>
    private async Task<Computer?> TryFinishAsync(string serviceUrl, CancellationToken cancellation)
    {
        if (ComputerFile.TryLoadUnfinished(folders) is not { } computer)
        {
            return null;
        }

        if (computer.ServiceUrl != serviceUrl)
        {
            throw new HoldfastException(FailureTable.AlreadyEnrolled,
                $"An enrolment at {computer.ServiceUrl} was cut off behind its last step: finish it with `holdfast enrol {computer.ServiceUrl} CODE` (any code), or remove {folders.Config}/enrolling.json.");
        }

        using var service = new ServiceClient(computer.ServiceUrl, computer.Account, computer.Token, time);
        if (await IsCertifiedAsync(service, computer, cancellation))
        {
            ComputerFile.Finish(folders);
            return computer;
        }

        ComputerFile.DropUnfinished(folders);
        return null;
    }

    private static async Task<bool> IsCertifiedAsync(ServiceClient service, Computer computer, CancellationToken cancellation)
    {
        try
        {
            var statements = await service.GetLogAsync(cancellation);
            var log = AccountView.Verified(() => AccountLog.Verify(statements.Select(bytes => (ReadOnlyMemory<byte>)bytes), computer.RootKey));
            return log.Computers.TryGetValue(computer.Number, out var certified) && certified.SigningKey.Span.SequenceEqual(Signatures.ExportPublic(computer.SigningKey));
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.TokenInvalid || exception.Kind == FailureTable.Tampered)
        {
            // Another computer founded the account meanwhile, or the token is no longer good: this one was never certified.
            return false;
        }
    }

    /// <summary>The attempt of this code on this computer: a passphrase mistyped, or an answer lost, does not use the code up.</summary>
    private byte[] AttemptFor(string serviceUrl, string code) => EnrolmentAttempt.LoadOrDraw(folders, serviceUrl, code, random);
}
