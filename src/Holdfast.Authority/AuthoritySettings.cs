using Holdfast.Authority.Mailing;

namespace Holdfast.Authority;

/// <summary>What an operator decides about the service.</summary>
/// <param name="Mail">How mail is sent; null for not at all.</param>
/// <param name="ClosingGrace">How long an account that is being closed can be taken back, and restored from.</param>
public sealed record AuthoritySettings(MailSettings? Mail, TimeSpan ClosingGrace);
