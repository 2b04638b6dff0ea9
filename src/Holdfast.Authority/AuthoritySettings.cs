using Holdfast.Authority.Billing;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.SelfBackups;
using Holdfast.Authority.Status;

namespace Holdfast.Authority;

/// <summary>What an operator decides about the service.</summary>
/// <param name="Mail">How mail is sent; null for not at all.</param>
/// <param name="SelfBackup">How the service's own databases are copied.</param>
/// <param name="Trees">Trees of files on the node, by name, whose growth is kept, and whose permissions may be changed, because windows will have to walk them.</param>
/// <param name="JournalsFolder">Where the node writes down how far it came with such a change.</param>
/// <param name="ClosingGrace">How long an account that is being closed can be taken back, and restored from.</param>
/// <param name="Billing">How invoices are issued; null for not at all.</param>
/// <param name="AlertMail">Who gets mail of alerts; all operators and admins if null.</param>
/// <param name="ServiceUrl">Where people reach the service.</param>
/// <param name="CertificateExpires">When the certificate of this node runs out; null if it has none.</param>
/// <param name="Status">Where the status page is written; null for nowhere.</param>
/// <param name="Door">Asks for the page at which people sign in, through this node's own door; null if there is none.</param>
/// <param name="Commands">Commands that windows may run on this node, by name: a program and its arguments.</param>
public sealed record AuthoritySettings(MailSettings? Mail, SelfBackupSettings SelfBackup, IReadOnlyDictionary<string, string> Trees, string JournalsFolder, TimeSpan ClosingGrace, BillingSettings? Billing = null,
    IReadOnlyList<string>? AlertMail = null, Func<string>? ServiceUrl = null, Func<DateTimeOffset?>? CertificateExpires = null, IReadOnlyDictionary<string, IReadOnlyList<string>>? Commands = null,
    StatusSettings? Status = null, Func<CancellationToken, Task>? Door = null);
