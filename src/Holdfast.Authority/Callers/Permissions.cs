using System.Text.Json;
using static Holdfast.Authority.Callers.Roles;

namespace Holdfast.Authority.Callers;

/// <summary>Who may do an action, and on what conditions.</summary>
/// <param name="Roles">Any of them may.</param>
/// <param name="BacksUp">Part of a backup: not while the account is suspended or closed.</param>
/// <param name="Proof">What a person must have shown a moment ago. Operators' tokens, which lie with the service's own secrets, need not; tokens that people make cannot.</param>
/// <param name="OnlyPeople">Not by an operator's token either.</param>
/// <param name="AdminProof">What an admin must have shown, if it is more: somebody else's data is not theirs.</param>
internal sealed record Permission(Roles Roles, bool BacksUp = false, Proof Proof = Proof.None, bool OnlyPeople = false, Proof AdminProof = Proof.None)
{
    /// <summary>May be granted to an API token.</summary>
    public bool IsScope => Proof == Proof.None && (Roles & (Owner | Member | RestoreOnly | Roles.Billing | Support | Operator | Admin)) != None;
}

/// <summary>What a person must have shown a moment ago.</summary>
internal enum Proof
{
    /// <summary>Being signed in is enough.</summary>
    None,

    /// <summary>All factors that they have.</summary>
    Recent,

    /// <summary>Two: a password and a code, or a passkey that knew its owner.</summary>
    TwoFactors,
}

/// <summary>The matrix of roles and actions, the only place where it stands; docs/permissions.md shows it, and a test asks every endpoint in every role.</summary>
internal static class Permissions
{
    private const Roles Operators = Operator | Admin;
    private const Roles Staff = Support | Operators;
    private const Roles Computers = WaitingComputer | AddingComputer | ReadingComputer;
    private const Roles Enrolled = AddingComputer | ReadingComputer;
    private const Roles WhoRestore = Owner | Member | RestoreOnly | Admin;

    private static readonly Dictionary<ApiAction, Permission> _all = new()
    {
        // Accounts, by those who run the service and by the organisation that an account belongs to.
        [ApiAction.CreateAccount] = new(Operators),
        [ApiAction.ImportAccounts] = new(Operators),
        [ApiAction.ListAccounts] = new(Staff | Owner | Member | RestoreOnly | Roles.Billing),
        [ApiAction.RenameAccount] = new(Operators | Owner),
        [ApiAction.SuspendAccount] = new(Operators),
        [ApiAction.CloseAccount] = new(Admin | Owner, Proof: Proof.TwoFactors, OnlyPeople: true),
        [ApiAction.AssignAccount] = new(Operators, Proof: Proof.Recent),
        [ApiAction.CreateEnrolmentCode] = new(Operators | Owner | Member),
        [ApiAction.ListComputers] = new(Staff | Owner | Member | RestoreOnly),
        [ApiAction.ChangeComputer] = new(Operators | Owner | Member),
        [ApiAction.ReadUsage] = new(Staff | Owner | Member | Roles.Billing),
        [ApiAction.ReadProofs] = new(Staff | Owner | Member | RestoreOnly),
        [ApiAction.ChangeQuota] = new(Operators),
        [ApiAction.ReadBills] = new(Staff | Owner | Roles.Billing),
        [ApiAction.AssignPlan] = new(Operators, Proof: Proof.Recent),
        [ApiAction.ChangePlans] = new(Admin, Proof: Proof.Recent),
        [ApiAction.ChangeCustomer] = new(Operators, Proof: Proof.Recent),
        [ApiAction.IssueInvoices] = new(Admin, Proof: Proof.Recent),
        [ApiAction.RecordPayment] = new(Operators, Proof: Proof.Recent),
        [ApiAction.SetUpCard] = new(Operators | Owner | Roles.Billing, Proof: Proof.Recent),
        [ApiAction.TakePaymentEvents] = new(Anybody),
        [ApiAction.RecordOutage] = new(Operators, Proof: Proof.Recent),

        // The service.
        [ApiAction.ReadService] = new(Staff),
        [ApiAction.ChangeWebhooks] = new(Admin, Proof: Proof.Recent),
        [ApiAction.StartVerification] = new(Operators),
        [ApiAction.ChangeGate] = new(Operators),
        [ApiAction.ChangeTrees] = new(Admin),
        [ApiAction.MoveAccounts] = new(Admin),
        [ApiAction.ChangeWindows] = new(Admin),
        [ApiAction.ChangeIncidents] = new(Operators),
        [ApiAction.ReadStatus] = new(Anybody),
        [ApiAction.RotateGrantKey] = new(Admin),
        [ApiAction.ReadAudit] = new(Operators),
        [ApiAction.BackUpService] = new(Operators),
        [ApiAction.ChangeEscrowKeys] = new(Admin, Proof: Proof.TwoFactors, OnlyPeople: true),
        [ApiAction.OpenEscrow] = new(Admin, Proof: Proof.TwoFactors, OnlyPeople: true),
        [ApiAction.ChangeOperators] = new(Bootstrap | Admin, Proof: Proof.Recent),

        // Restores of managed accounts.
        [ApiAction.PrepareRestore] = new(WhoRestore, Proof: Proof.Recent, OnlyPeople: true, AdminProof: Proof.TwoFactors),
        [ApiAction.ReadRestores] = new(Staff | Owner | Member | RestoreOnly),
        [ApiAction.CancelRestore] = new(Operators | Owner | Member | RestoreOnly),
        [ApiAction.BrowseAccount] = new(WhoRestore, Proof: Proof.Recent, OnlyPeople: true, AdminProof: Proof.TwoFactors),
        [ApiAction.ReadBrowsed] = new(WhoRestore),
        [ApiAction.ChangeRestorers] = new(Admin, Proof: Proof.Recent),
        [ApiAction.WorkAsRestorer] = new(Restorer),

        // People.
        [ApiAction.InviteOperator] = new(Bootstrap | Admin, Proof: Proof.Recent),
        [ApiAction.ListPeople] = new(Staff),
        [ApiAction.ChangePerson] = new(Admin, Proof: Proof.Recent),
        [ApiAction.ResetPassword] = new(Operators, Proof: Proof.Recent),
        [ApiAction.CreateOrganisation] = new(Operators),
        [ApiAction.ListOrganisations] = new(Staff | Owner | Member | RestoreOnly | Roles.Billing),
        [ApiAction.ListMembers] = new(Staff | Owner),
        [ApiAction.ChangeMembers] = new(Operators | Owner, Proof: Proof.Recent),
        [ApiAction.SignIn] = new(Anybody),
        [ApiAction.Unsubscribe] = new(Anybody),
        [ApiAction.ReadOneself] = new(SignedIn),
        [ApiAction.ChangeOneself] = new(SignedIn),
        [ApiAction.ChangeFactors] = new(SignedIn, Proof: Proof.Recent),
        [ApiAction.ChangeTokens] = new(SignedIn, Proof: Proof.Recent),

        // Computers.
        [ApiAction.Enrol] = new(Anybody),
        [ApiAction.Attach] = new(Anybody),
        [ApiAction.ReadLog] = new(Computers | Restorer),
        [ApiAction.AppendLog] = new(Computers),
        [ApiAction.ApproveComputer] = new(ReadingComputer),
        [ApiAction.ConfirmAccount] = new(Enrolled),
        [ApiAction.OpenReading] = new(Enrolled),
        [ApiAction.BeginBackup] = new(Enrolled, BacksUp: true),
        [ApiAction.BackUp] = new(Enrolled, BacksUp: true),
        [ApiAction.Browse] = new(Enrolled | Restorer),
        [ApiAction.ReportFailure] = new(Enrolled),
        [ApiAction.HandInDrill] = new(Enrolled),
        [ApiAction.OpenReads] = new(Enrolled | Restorer),
        [ApiAction.ShareArchive] = new(ReadingComputer),
    };

    public static Permission Of(ApiAction action) => _all[action];

    /// <summary>An action's name in documents and scopes.</summary>
    public static string NameOf(ApiAction action) => JsonNamingPolicy.SnakeCaseLower.ConvertName(action.ToString());

    /// <summary>Names of the actions that a token can be made for.</summary>
    public static IReadOnlySet<string> Scopes { get; } = _all.Where(item => item.Value.IsScope).Select(item => NameOf(item.Key)).ToHashSet();
}
