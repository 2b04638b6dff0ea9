using System.Text.RegularExpressions;
using System.Text.Json.Serialization;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.People;

/// <summary>What people change about themselves, and operators about people. Sessions end where a secret or a right was taken away.</summary>
internal sealed partial class PersonChanges(IDatabase directory, OneTimeCodes codes, Credentials credentials, AttemptLimits limits, Outbox outbox, OwnerMail owners, AuditLog audit)
{
    private const string ResetPurpose = "password-reset";
    private const string EmailPurpose = "email-change";

    private static readonly string[] _otherWaysIn = ["passkeys", "api_tokens", "provider_logins"];

    private static readonly TimeSpan _resetLife = TimeSpan.FromHours(1);
    private static readonly TimeSpan _emailLife = TimeSpan.FromDays(1);

    public Task RenameAsync(Person person, string name, CancellationToken cancellation)
    {
        person.Name = name;
        return UpdateAsync(person, null, null, cancellation);
    }

    /// <summary>Says in which zone mail says times.</summary>
    public Task ChangeTimeZoneAsync(Person person, string zone, CancellationToken cancellation)
    {
        person.TimeZone = ZoneName().IsMatch(zone) && TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _)
            ? zone : throw new HoldfastException(FailureTable.InvalidRequest, "There is no such time zone: they are called like Europe/Berlin, or UTC.");
        return UpdateAsync(person, null, null, cancellation);
    }

    /// <summary>Sets another password; the other sessions end.</summary>
    public async Task ChangePasswordAsync(Person person, string password, string? signIn, CancellationToken cancellation)
    {
        var hash = await credentials.HashAsync(person, password, cancellation);
        (person.PasswordHash, person.SecurityStamp) = (hash, NewStamp());
        await UpdateAsync(person, null, transaction => SignIns.EndAllAsync(transaction, person.Id, signIn), cancellation);
    }

    /// <summary>Sends a code to another address, which counts once the code came back.</summary>
    public async Task AskEmailAsync(Person person, string email, CancellationToken cancellation)
    {
        var address = Invitations.Address(email);
        if (!await outbox.IsSentAsync(cancellation))
        {
            throw new HoldfastException(FailureTable.Conflict, "This service sends no mail, so it cannot confirm an address: have yourself invited under the other one.");
        }

        await limits.CountAsync("mail", person.Id, AttemptLimits.OfPairMax, cancellation);
        await directory.WriteAsync(async transaction =>
        {
            var code = await codes.AddAsync(transaction, EmailPurpose, new Subject(person.Id, address, person.SecurityStamp), SubjectJson.Default.Subject, _emailLife);
            await outbox.AddAsync(transaction, address, Letter.Of(Outbox.Language, "confirm_address", code));
            return 0;
        }, cancellation);
    }

    /// <summary>The code came back: the address is confirmed.</summary>
    public async Task ConfirmEmailAsync(Person person, string code, CancellationToken cancellation)
    {
        var before = person.Email;
        await UpdateAsync(person, async transaction =>
        {
            if (await codes.UseAsync(transaction, EmailPurpose, code, SubjectJson.Default.Subject) is not { } subject || subject.Person != person.Id || subject.Stamp != person.SecurityStamp)
            {
                throw new HoldfastException(FailureTable.CodeInvalid, "The code is unknown, used or expired.");
            }

            // Codes that went to the old address are worthless from now on.
            (person.Email, person.EmailKey, person.SecurityStamp) = (subject.Email, credentials.Users.NormalizeEmail(subject.Email)!, NewStamp());
        }, transaction => outbox.AddAsync(transaction, before, Letter.Of(Outbox.Language, "address_changed")), cancellation);
    }

    /// <summary>Sends a code to set another password, if somebody has the address.</summary>
    public async Task AskResetAsync(string email, HttpContext context, CancellationToken cancellation)
    {
        var key = credentials.Users.NormalizeEmail(email) ?? "";
        await limits.CountAsync("address", SignIns.NetworkOf(context), AttemptLimits.OfAddressMax, cancellation);
        await limits.CountAsync("reset", key, AttemptLimits.OfPairMax, cancellation);
        if (!await outbox.IsSentAsync(cancellation))
        {
            return;
        }

        var person = await credentials.Users.FindByEmailAsync(email) is { SuspendedAt: null } somebody ? somebody : null;
        await directory.WriteAsync(async transaction =>
        {
            // A code for nobody is written too: the answer comes as late.
            var code = await NewResetAsync(transaction, person ?? new Person());
            if (person is not null)
            {
                await outbox.AddAsync(transaction, person.Email, Letter.Of(Outbox.Language, "reset_password", code));
            }

            return 0;
        }, cancellation);
    }

    /// <summary>A code to set another password, for an operator to hand on; an operator's own only by an admin, or operators could become admins by it.</summary>
    public Task<string> NewResetAsync(Caller caller, string personId, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var person = await FindAsync(transaction, personId);
        return person.OperatorRole is null || (caller.Everywhere & Roles.Admin) != Roles.None
            ? await NewResetAsync(transaction, person) : throw new HoldfastException(FailureTable.Forbidden, "Only an admin resets the password of somebody who runs the service.");
    }, cancellation);

    /// <summary>Sets another password by such a code; all sessions end, and so do passkeys and tokens, which somebody else may have added. The second factor stays what it was.</summary>
    public async Task ResetAsync(ResetPassword request, HttpContext context, CancellationToken cancellation)
    {
        await limits.CountAsync("address", SignIns.NetworkOf(context), AttemptLimits.OfAddressMax, cancellation);
        await codes.RequireAsync(ResetPurpose, request.Code, cancellation);
        var hash = await credentials.HashAsync(new Person(), request.New, cancellation);
        var subject = await directory.WriteAsync(async transaction =>
        {
            var subject = await codes.UseAsync(transaction, ResetPurpose, request.Code, SubjectJson.Default.Subject);
            if (subject is null || await transaction.ExecuteAsync("UPDATE people SET password_hash = @hash, security_stamp = @stamp, version = @stamp WHERE person_id = @person AND security_stamp = @before",
                new { subject.Person, hash, stamp = NewStamp(), before = subject.Stamp }) == 0)
            {
                throw new HoldfastException(FailureTable.CodeInvalid, "The code is unknown, used or expired.");
            }

            await SignIns.EndAllAsync(transaction, subject.Person, null);
            foreach (var table in _otherWaysIn)
            {
                await transaction.ExecuteAsync($"DELETE FROM {table} WHERE person_id = @person", new { subject.Person });
            }

            await owners.TellChangedAsync(transaction, subject.Email, OwnerMail.Password);

            return subject;
        }, cancellation);
        await audit.AppendAsync($"{subject.Email} ({subject.Person})", "set another password by a code", SignIns.AddressOf(context), cancellation);
    }

    /// <summary>People by id.</summary>
    public Task<Page<PersonSummary>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<PersonStore.PersonRow>($"SELECT {PersonStore.Columns} FROM people WHERE person_id > @after ORDER BY person_id LIMIT @rows", new { after = paging.After ?? "", rows = paging.Rows }))
            .Select(row => Summary(row.Person))], person => person.Person), cancellation);

    /// <summary>Suspends somebody, or gives them another operator's role; their sessions end.</summary>
    public Task<PersonSummary> ChangeAsync(string personId, ChangePerson change, long now, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        if (change is { Suspended: null, OperatorRole: null })
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "Nothing is to be changed.");
        }

        if (change.OperatorRole is { } role and not "none")
        {
            Invitations.RequireRole(RoleNames.OfOperators, role);
        }

        await FindAsync(transaction, personId);
        await transaction.ExecuteAsync(
            """
            UPDATE people SET suspended_at = CASE @isSuspended WHEN 1 THEN coalesce(suspended_at, @now) WHEN 0 THEN NULL ELSE suspended_at END,
                operator_role = CASE WHEN @changesRole = 0 THEN operator_role ELSE CAST(@role AS VARCHAR(32)) END, security_stamp = @stamp, version = @stamp
            WHERE person_id = @personId
            """, new
            {
                personId, now, isSuspended = change.Suspended switch { true => 1, false => 0, null => 2 }, changesRole = change.OperatorRole is null ? 0 : 1,
                role = change.OperatorRole is "none" ? null : change.OperatorRole, stamp = NewStamp(),
            });
        await SignIns.EndAllAsync(transaction, personId, null);
        return Summary(await FindAsync(transaction, personId));
    }, cancellation);

    private Task<string> NewResetAsync(DatabaseTransaction transaction, Person person) =>
        codes.AddAsync(transaction, ResetPurpose, new Subject(person.Id, person.Email, person.SecurityStamp), SubjectJson.Default.Subject, _resetLife);

    private static string NewStamp() => Guid.NewGuid().ToString("N");

    /// <summary>Writes a person back, which locks them, between what must come before and behind.</summary>
    private Task UpdateAsync(Person person, Func<DatabaseTransaction, Task>? before, Func<DatabaseTransaction, Task>? behind, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await (before?.Invoke(transaction) ?? Task.CompletedTask);
        if (!await PersonStore.UpdateAsync(transaction, person))
        {
            throw new HoldfastException(FailureTable.PreconditionFailed, "You were changed meanwhile, or the address is somebody else's: look again.");
        }

        await (behind?.Invoke(transaction) ?? Task.CompletedTask);
        return 0;
    }, cancellation);

    private static async Task<Person> FindAsync(DatabaseTransaction transaction, string personId) =>
        await PersonStore.FindAsync(transaction, "person_id = @key", personId) ?? throw new HoldfastException(FailureTable.NotFound, "There is no such person.");

    /// <summary>As they are called in the IANA's database; anything else would be looked for among files.</summary>
    [GeneratedRegex(@"\A[A-Za-z0-9_+-]{1,40}(/[A-Za-z0-9_+-]{1,40}){0,2}\z")]
    private static partial Regex ZoneName();

    private static PersonSummary Summary(Person person) => new(person.Id, person.Email, person.Name, person.OperatorRole, person.SuspendedAt is not null, person.CreatedAt);
}

/// <summary>Whom a code is for, the address, and what they were: once a password, an address or a right of theirs has changed, the code is worthless.</summary>
internal sealed record Subject(string Person, string Email, string Stamp);

[JsonSerializable(typeof(Subject))]
internal sealed partial class SubjectJson : JsonSerializerContext;
