namespace Holdfast.Authority.Mailing;

/// <summary>How mail is sent.</summary>
/// <param name="Host">The mail server.</param>
/// <param name="Port">Its port.</param>
/// <param name="From">The sender's address.</param>
/// <param name="Encryption">starttls, tls from the first byte, or none (on the loopback only).</param>
/// <param name="User">Who signs in there; null for nobody.</param>
/// <param name="PasswordFile">The file with the password.</param>
public sealed record MailSettings(string Host, int Port, string From, string Encryption = "starttls", string? User = null, string? PasswordFile = null);
