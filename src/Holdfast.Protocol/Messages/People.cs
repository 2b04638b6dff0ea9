using System.Text.Json;

namespace Holdfast.Protocol.Messages;

/// <summary>Invites somebody: into the organisation of the route with a role there, or to run the service.</summary>
/// <param name="Email">Where the code goes.</param>
/// <param name="Role">owner, member, restore-only or billing; or support, operator or admin.</param>
public sealed record Invite(string Email, string Role);

/// <summary>An invitation. Where the service sends no mail the code is here, for whoever invites to hand on.</summary>
public sealed record Invited(string Email, string Role, string? Code);

/// <summary>Takes an invitation up: as a new person, or, signed in, as the one that is there.</summary>
public sealed record BecomePerson(string Code, string Name, string Password);

/// <summary>Takes an invitation up as somebody who is signed in.</summary>
public sealed record TakeUp(string Code);

/// <summary>Signs in by password (and a code, if a second factor is on), or by passkey.</summary>
/// <param name="Email">Who; not needed with a passkey.</param>
/// <param name="Password">The password.</param>
/// <param name="Code">The authenticator's six digits.</param>
/// <param name="RecoveryCode">One of the recovery codes, instead of <paramref name="Code"/>.</param>
/// <param name="Passkey">A passkey's answer, instead of all that.</param>
public sealed record SignIn(string? Email = null, string? Password = null, string? Code = null, string? RecoveryCode = null, PasskeyAnswer? Passkey = null);

/// <summary>What the browser's <c>navigator.credentials</c> returned, as JSON, and the ceremony that it answers.</summary>
public sealed record PasskeyAnswer(string Ceremony, JsonElement Credential);

/// <summary>What to hand to <c>navigator.credentials</c>, and the ceremony to name with its answer; good for five minutes.</summary>
public sealed record PasskeyCeremony(string Ceremony, JsonElement Options);

/// <summary>A session: its token is a bearer token.</summary>
public sealed record SignedIn(string SignIn, string Token, long ExpiresAt, Oneself Person);

/// <summary>Shows both factors again: some changes need that it was a moment ago.</summary>
public sealed record Prove(string? Password = null, string? Code = null, PasskeyAnswer? Passkey = null);

/// <summary>Until when changes that need proof are allowed.</summary>
public sealed record Proved(long Until);

/// <summary>A session of a person. Times are seconds since 1970.</summary>
/// <param name="SignIn">Its id.</param>
/// <param name="Method">password, password+totp, password+recovery, passkey or provider.</param>
/// <param name="CreatedAt">When it began.</param>
/// <param name="UsedAt">When it was used last, to a few minutes.</param>
/// <param name="ExpiresAt">When it ends.</param>
/// <param name="Address">Where from.</param>
/// <param name="Agent">With what.</param>
/// <param name="IsCurrent">The one that asks.</param>
public sealed record SignInSummary(string SignIn, string Method, long CreatedAt, long UsedAt, long ExpiresAt, string Address, string Agent, bool IsCurrent);

public sealed record SignInList(IReadOnlyList<SignInSummary> SignIns);

/// <summary>Who is signed in.</summary>
/// <param name="Person">Their id.</param>
/// <param name="Email">Their address.</param>
/// <param name="Name">Their name.</param>
/// <param name="OperatorRole">support, operator or admin; null for customers.</param>
/// <param name="HasPassword">False if they sign in by passkey or provider only.</param>
/// <param name="HasAuthenticator">An authenticator's code is asked for.</param>
/// <param name="RecoveryCodes">How many are left.</param>
/// <param name="Memberships">In which organisations, as what.</param>
/// <param name="TimeZone">In which mail says times; null for UTC.</param>
public sealed record Oneself(string Person, string Email, string Name, string? OperatorRole, bool HasPassword, bool HasAuthenticator, int RecoveryCodes, IReadOnlyList<Membership> Memberships, string? TimeZone = null);

/// <summary>What somebody is in an organisation.</summary>
public sealed record Membership(string Organisation, string Name, string Role);

/// <summary>Another name.</summary>
public sealed record ChangeOneself(string Name);

/// <summary>Another time zone, in which mail says times.</summary>
/// <param name="TimeZone">Such as Europe/Berlin.</param>
public sealed record ChangeTimeZone(string TimeZone);

/// <summary>Another address; it counts once its code came back.</summary>
public sealed record ChangeEmail(string Email);

/// <summary>The code that was sent to an address.</summary>
public sealed record ConfirmEmail(string Code);

/// <summary>Another password; the other sessions end.</summary>
public sealed record ChangePassword(string New);

/// <summary>Asks for a code to set another password; the answer is the same whether the address is known or not.</summary>
public sealed record AskPasswordReset(string Email);

/// <summary>Sets another password by such a code; all sessions end.</summary>
public sealed record ResetPassword(string Code, string New);

/// <summary>A code to hand on to somebody who cannot get mail.</summary>
public sealed record PasswordResetCode(string Code);

/// <summary>An authenticator that is not on yet: its key, and the same as a link for a QR code.</summary>
public sealed record AuthenticatorKey(string Key, string Link);

/// <summary>The authenticator's code: shows that the key arrived.</summary>
public sealed record ConfirmAuthenticator(string Code);

/// <summary>Each works once, instead of the authenticator. They are shown this once.</summary>
public sealed record RecoveryCodes(IReadOnlyList<string> Codes);

/// <summary>A new passkey.</summary>
public sealed record AddPasskey(string Name, PasskeyAnswer Answer);

/// <param name="Id">Its credential id, in base64url.</param>
/// <param name="Name">What its owner calls it.</param>
/// <param name="CreatedAt">Seconds since 1970.</param>
/// <param name="IsSynced">It is kept in more than one place.</param>
public sealed record PasskeySummary(string Id, string Name, long CreatedAt, bool IsSynced);

public sealed record PasskeyList(IReadOnlyList<PasskeySummary> Passkeys);

/// <summary>Makes a token for programs.</summary>
/// <param name="Name">What it is for.</param>
/// <param name="Scopes">Actions of docs/permissions.md; it never may more than its person.</param>
/// <param name="Days">Until it expires, at most 366.</param>
public sealed record CreateToken(string Name, IReadOnlyList<string> Scopes, int Days);

/// <summary>The token is shown this once.</summary>
public sealed record TokenCreated(string Id, string Token, long ExpiresAt);

public sealed record TokenSummary(string Id, string Name, IReadOnlyList<string> Scopes, long CreatedAt, long ExpiresAt);

public sealed record TokenList(IReadOnlyList<TokenSummary> Tokens);

public sealed record CreateOrganisation(string Name);

public sealed record OrganisationSummary(string Organisation, string Name, long CreatedAt);

public sealed record OrganisationList(IReadOnlyList<OrganisationSummary> Organisations, string? Next);

/// <summary>Somebody in an organisation.</summary>
public sealed record MemberSummary(string Person, string Email, string Name, string Role);

public sealed record MemberList(IReadOnlyList<MemberSummary> Members, string? Next);

public sealed record ChangeMember(string Role);

/// <summary>The organisation that an account belongs to; null for none.</summary>
public sealed record AssignAccount(string? Organisation = null);

/// <summary>A person as the operator sees them.</summary>
public sealed record PersonSummary(string Person, string Email, string Name, string? OperatorRole, bool Suspended, long CreatedAt);

public sealed record PersonList(IReadOnlyList<PersonSummary> People, string? Next);

/// <summary>Changes what is null not; the operator role <c>none</c> takes it away.</summary>
public sealed record ChangePerson(bool? Suspended = null, string? OperatorRole = null);

/// <summary>Nothing more to say.</summary>
public sealed record Done;
