using static Holdfast.Protocol.Failures.ExitCode;

namespace Holdfast.Protocol.Failures;

/// <summary>Every kind of failure there is: one table from stable code to HTTP status, exit code and guidance. docs/errors.md is checked against it.</summary>
public static class FailureTable
{
    public static FailureKind InvalidRequest { get; } = new("invalid_request", 400, Usage, Retry.Never, "Correct what the message names and try again.");

    public static FailureKind TokenInvalid { get; } = new("token_invalid", 401, Failed, Retry.Never, "The token is unknown, expired or revoked: enrol the computer again with a new code from your operator, or sign in again.");

    public static FailureKind SignInFailed { get; } = new("sign_in_failed", 401, Failed, Retry.Never, "Check the address, the password and the code, and try again; `password-resets` sends a code to set another password.");

    public static FailureKind SecondFactorNeeded { get; } = new("second_factor_needed", 401, Failed, Retry.Never, "Sign in with the six digits of your authenticator too, or with one of your recovery codes.");

    public static FailureKind ProofNeeded { get; } = new("proof_needed", 403, Failed, Retry.Never, "Show your password and code, or your passkey, once more (`holdfast admin prove`), then repeat the change within ten minutes.");

    public static FailureKind TooManyAttempts { get; } = new("too_many_attempts", 429, ExitCode.NotAdmitted, Retry.Never, "Wait a quarter of an hour, then try again.");

    public static FailureKind Forbidden { get; } = new("forbidden", 403, Failed, Retry.Never, "Your role or token may not do that (docs/permissions.md); on a computer, have somebody with the passphrase do it, or run `holdfast attach` if the service was rebuilt.");

    public static FailureKind AccountSuspended { get; } = new("account_suspended", 403, Failed, Retry.Never, "The account is suspended and backs up nothing until your operator lets it go on. Restores work as always.");

    public static FailureKind PaymentOverdue { get; } = new("payment_overdue", 403, Failed, Retry.Never, "An invoice is long overdue, and new backups are paused until it is paid. Nothing is deleted, and restores work as always. Your operator can say what is open, or you can: `holdfast admin invoice list ACCOUNT`.");

    public static FailureKind QuotaExceeded { get; } = new("quota_exceeded", 507, Failed, Retry.Never, "As much is stored as may be: ask your operator for a larger quota, and see what is used with `holdfast admin usage ACCOUNT`. What is backed up stays, and restores work as always.");

    public static FailureKind AccountClosing { get; } = new("account_closing", 403, Failed, Retry.Never, "The account is being closed and backs up nothing; until its date restores work, and `holdfast admin reopen` keeps it.");

    public static FailureKind AccountClosed { get; } = new("account_closed", 410, Failed, Retry.Never, "The account was closed and its data deleted for good: enrol with another account.");

    public static FailureKind AccountReconciling { get; } = new("account_reconciling", 423, ExitCode.NotAdmitted, Retry.Later, "The service was restored from a copy of itself, and makes sure of what it has of the account before it takes more: try again in a while. Restores work.");

    public static FailureKind CodeInvalid { get; } = new("code_invalid", 403, Failed, Retry.Never, "Ask for a new code: each works once and for a limited time.");

    public static FailureKind NotFound { get; } = new("not_found", 404, NoRepository, Retry.Never, "Check the name; `holdfast snapshots` lists what there is.");

    public static FailureKind NotEnrolled { get; } = new("not_enrolled", 404, NoRepository, Retry.Never, "Run `holdfast enrol URL CODE` first.");

    public static FailureKind Conflict { get; } = new("conflict", 409, Busy, Retry.Later, "Another computer of the account was faster: run the command again.");

    public static FailureKind NotManaged { get; } = new("not_managed", 409, Failed, Retry.Never, "Only its owner's computers open this account: browse it there (`holdfast ls`), and make the archive there (`holdfast restore --archive zip`).");

    public static FailureKind InvalidPlan { get; } = new("invalid_plan", 400, Failed, Retry.Never, "Correct the plan where the message says, and send it again; `holdfast admin maintenance plan --help` shows one.");

    public static FailureKind WindowRefused { get; } = new("window_refused", 409, Failed, Retry.Never, "See how the window is with `holdfast admin maintenance show`, and do what the message says.");

    public static FailureKind WindowTooShort { get; } = new("window_too_short", 409, Failed, Retry.Never, "See why with `holdfast admin maintenance estimate`; more threads, fewer files or another day may shorten it.");

    public static FailureKind MoveRefused { get; } = new("move_refused", 409, Failed, Retry.Never, "Nothing was moved: mend what the message names, then plan the move again (`holdfast admin move plan`).");

    public static FailureKind PreconditionFailed { get; } = new("precondition_failed", 412, Busy, Retry.Later, "It changed meanwhile: read it again, then repeat the change.");

    public static FailureKind HeadConflict { get; } = new("head_conflict", 409, Busy, Retry.Later, "Another backup of this computer finished meanwhile: run the backup again.");

    public static FailureKind MissingFrames { get; } = new("missing_frames", 409, Failed, Retry.Later, "Run the backup again: what is missing is read and sent again.");

    public static FailureKind ObjectExists { get; } = new("object_exists", 409, Failed, Retry.Never, "The number was used for other bytes already: run the command again.");

    public static FailureKind GrantInvalid { get; } = new("grant_invalid", 403, Failed, Retry.Later, "The permission for this object is missing, expired or for something else: run the command again.");

    public static FailureKind DamagedUpload { get; } = new("damaged_upload", 422, Failed, Retry.Later, "The bytes did not arrive as they were sent: run the command again; if it repeats, check this computer's memory and network.");

    public static FailureKind TooLarge { get; } = new("too_large", 413, Failed, Retry.Never, "The object is larger than its grant allows: this is a fault of the program, please report it.");

    public static FailureKind DamagedObject { get; } = new("damaged_object", 500, Failed, Retry.Never, "Stored bytes are damaged: run `holdfast check --read-data` and tell your operator.");

    public static FailureKind PodFull { get; } = new("pod_full", 507, Failed, Retry.Later, "The service's storage is full: tell your operator. Nothing that was stored is affected.");

    public static FailureKind PodUnavailable { get; } = new("pod_unavailable", 503, Failed, Retry.Later, "The service's storage cannot be reached or written: try again later, and tell your operator if it lasts.");

    public static FailureKind PodBusy { get; } = new("pod_busy", 429, ExitCode.NotAdmitted, Retry.Later, "The service's storage has as many uploads as it takes: try again in a moment.");

    public static FailureKind NotAdmitted { get; } = new("not_admitted", 429, ExitCode.NotAdmitted, Retry.Later, "The service lets computers back up in turns: run the command again at the time it names, or with --wait, which sleeps until then. Restores work as always.");

    public static FailureKind ForeignDrive { get; } = new("foreign_drive", 500, Failed, Retry.Never, "A drive of another pod, or of another place in this one, is listed: correct the list of drives.");

    public static FailureKind Fenced { get; } = new("fenced", 503, ExitCode.NotAdmitted, Retry.Later, "The account is being moved: try again in a moment.");

    public static FailureKind ServiceUnavailable { get; } = new("service_unavailable", 503, Failed, Retry.Later, "Check that the service runs and its address is right, then try again.");

    public static FailureKind Internal { get; } = new("internal", 500, Failed, Retry.Later, "The service failed; its log says why. Try again later.");

    public static FailureKind WrongPassphrase { get; } = new("wrong_passphrase", 403, ExitCode.WrongPassphrase, Retry.Never, "Type the account's passphrase, or its recovery key.");

    public static FailureKind PassphraseNeeded { get; } = new("passphrase_needed", 403, ExitCode.WrongPassphrase, Retry.Never, "Set HOLDFAST_PASSPHRASE, HOLDFAST_PASSPHRASE_FILE or HOLDFAST_PASSPHRASE_COMMAND, or run in a terminal.");

    public static FailureKind NewerVersion { get; } = new("newer_version", 422, Failed, Retry.Never, "The account was written by a newer Holdfast: install that version or a later one.");

    public static FailureKind Tampered { get; } = new("tampered", 500, Failed, Retry.Never, "What the service sent contradicts what this computer knows to be true. Nothing was changed. Ask your operator; do not re-enrol until it is explained.");

    public static FailureKind LocalDiskFull { get; } = new("local_disk_full", 507, Failed, Retry.Later, "Free space on this computer's disk and run the command again.");

    public static FailureKind LocalState { get; } = new("local_state", 500, Failed, Retry.Never, "This computer's own files cannot be read or written: check their permissions.");

    public static FailureKind AlreadyRunning { get; } = new("already_running", 409, Busy, Retry.Later, "The same work is under way in another process here: wait for it.");

    public static FailureKind AlreadyEnrolled { get; } = new("already_enrolled", 409, Usage, Retry.Never, "This computer is enrolled already; use another HOLDFAST_CONFIG_DIR for a second enrolment.");

    public static FailureKind Interrupted { get; } = new("interrupted", 500, ExitCode.Interrupted, Retry.Later, "Run the command again: what was sent is not sent again.");

    public static IReadOnlyDictionary<string, FailureKind> All { get; } = typeof(FailureTable)
        .GetProperties()
        .Where(property => property.PropertyType == typeof(FailureKind))
        .Select(property => (FailureKind)property.GetValue(null)!)
        .ToDictionary(kind => kind.Code);
}
