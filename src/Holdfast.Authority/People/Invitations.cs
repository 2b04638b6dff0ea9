using System.Net.Mail;
using System.Text.Json.Serialization;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.People;

/// <summary>How people come in: somebody who may invites an address; its owner takes the invitation up, which confirms the address. Where the service sends no mail, those who run it hand codes on, and vouch for addresses.</summary>
internal sealed class Invitations(IDatabase directory, OneTimeCodes codes, Credentials credentials, Organisations organisations, Outbox outbox, AttemptLimits limits, AuditLog audit, TimeProvider time)
{
    private const string Purpose = "invitation";
    private const int AddressLengthMax = 254;
    private const int MailsMax = 50;

    private static readonly TimeSpan _life = TimeSpan.FromDays(7);

    /// <summary>Invites somebody into an organisation, or, where it is null, to run the service.</summary>
    public async Task<Invited> InviteAsync(Caller caller, string? organisation, Invite request, CancellationToken cancellation)
    {
        var roles = organisation is null ? RoleNames.OfOperators : RoleNames.OfOrganisations;
        RequireRole(roles, request.Role);
        var email = Address(request.Email);
        if (credentials.Users.NormalizeEmail(email) == caller.Person?.EmailKey)
        {
            throw new HoldfastException(FailureTable.Conflict, "Nobody gives a role to themselves: ask somebody else.");
        }

        // Whoever gets a code without mail can be anybody at that address: that is for those who run the service to decide.
        if (!outbox.IsConfigured && (caller.Everywhere & (Roles.Bootstrap | Roles.Operator | Roles.Admin)) == Roles.None)
        {
            throw new HoldfastException(FailureTable.Conflict, "This service sends no mail, so it cannot know whose the address is: ask your operator to invite them.");
        }

        if (organisation is not null)
        {
            await organisations.RequireAsync(organisation, cancellation);
        }

        if (outbox.IsConfigured)
        {
            await limits.CountAsync("mail", caller.Name, MailsMax, cancellation);
        }

        await audit.AppendAsync(caller.Name, $"invite {email} as {request.Role}", organisation ?? "", cancellation);
        var code = await directory.WriteAsync(async transaction =>
        {
            var made = await codes.AddAsync(transaction, Purpose, new Invitation(email, request.Role, organisation, caller.Person?.Id, caller.Person is null && (caller.Everywhere & Roles.Bootstrap) == Roles.None ? caller.Name : null), InvitationJson.Default.Invitation, _life);
            if (outbox.IsConfigured)
            {
                await outbox.AddAsync(transaction, email, Letter.Of(Outbox.Language, "invitation", request.Role, made));
            }

            return made;
        }, cancellation);
        return new Invited(email, request.Role, outbox.IsConfigured ? null : code);
    }

    /// <summary>Makes the person who takes an invitation up.</summary>
    public async Task<Person> AcceptAsync(BecomePerson request, HttpContext context, CancellationToken cancellation)
    {
        // Hashing a password costs more than looking at a code.
        await limits.CountAsync("address", SignIns.NetworkOf(context), AttemptLimits.OfAddressMax, cancellation);
        await codes.RequireAsync(Purpose, request.Code, cancellation);
        var now = time.GetUtcNow();
        var person = new Person { Id = Guid.CreateVersion7(now).ToString(), Name = request.Name, SecurityStamp = Guid.NewGuid().ToString("N"), CreatedAt = now.ToUnixTimeSeconds() };
        person.PasswordHash = await credentials.HashAsync(person, request.Password, cancellation);
        var taken = await directory.WriteAsync(async transaction =>
        {
            var invitation = await UseAsync(transaction, request.Code);
            (person.Email, person.EmailKey) = (invitation.Email, credentials.Users.NormalizeEmail(invitation.Email)!);
            person.OperatorRole = invitation.Organisation is null ? invitation.Role : null;
            if (!await PersonStore.AddAsync(transaction, person))
            {
                throw new HoldfastException(FailureTable.Conflict, $"{invitation.Email} is somebody here already: sign in, and take the invitation up then.");
            }

            await LetInAsync(transaction, person.Id, invitation);
            return invitation;
        }, cancellation);
        await limits.ReturnAsync("address", SignIns.NetworkOf(context), cancellation);
        await audit.AppendAsync($"{person.Email} ({person.Id})", $"take up an invitation as {taken.Role}", taken.Organisation ?? "", cancellation);
        return person;
    }

    /// <summary>Gives somebody who is here already what an invitation to their address says.</summary>
    public async Task TakeUpAsync(Caller caller, string code, CancellationToken cancellation)
    {
        var person = caller.Person!;
        var taken = await directory.WriteAsync(transaction => TakeUpAsync(transaction, person, caller.SignIn?.Id, code), cancellation);
        await audit.AppendAsync($"{person.Email} ({person.Id})", $"take up an invitation as {taken.Role}", taken.Organisation ?? "", cancellation);
    }

    private async Task<Invitation> TakeUpAsync(DatabaseTransaction transaction, Person person, string? signIn, string code)
    {
        var invitation = await UseAsync(transaction, code);
        if (credentials.Users.NormalizeEmail(invitation.Email) != person.EmailKey)
        {
            throw new HoldfastException(FailureTable.CodeInvalid, "The invitation is for another address.");
        }

        if (invitation.Organisation is null)
        {
            // What others got hold of before, a code or a session, is not worth more now.
            await transaction.ExecuteAsync("UPDATE people SET operator_role = @role, security_stamp = @stamp, version = @stamp WHERE person_id = @id", new { person.Id, invitation.Role, stamp = Guid.NewGuid().ToString("N") });
            await SignIns.EndAllAsync(transaction, person.Id, signIn);
        }

        await LetInAsync(transaction, person.Id, invitation);
        return invitation;
    }

    /// <summary>Fails if a role is none of those.</summary>
    public static void RequireRole(IReadOnlyCollection<string> roles, string role)
    {
        if (!roles.Contains(role))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A role here is one of {string.Join(", ", roles)}.");
        }
    }

    /// <summary>An address as it is kept; the failure invalid_request if it is none.</summary>
    public static string Address(string email) => email.Length <= AddressLengthMax && email.All(letter => char.IsAscii(letter) && !char.IsControl(letter)) && MailAddress.TryCreate(email, out var address) && address.Address == email
        ? email : throw new HoldfastException(FailureTable.InvalidRequest, "That is no e-mail address.");

    /// <summary>Uses an invitation up; it is worth as much as whoever made it may invite now.</summary>
    private async Task<Invitation> UseAsync(DatabaseTransaction transaction, string code)
    {
        if (await codes.UseAsync(transaction, Purpose, code, InvitationJson.Default.Invitation) is { } invitation
            && (await RolesOfInviterAsync(transaction, invitation) & Callers.Permissions.Of(invitation.Organisation is null ? ApiAction.InviteOperator : ApiAction.ChangeMembers).Roles) != Roles.None)
        {
            return invitation;
        }

        throw new HoldfastException(FailureTable.CodeInvalid, "The invitation is unknown, used or expired, or whoever made it may not invite any more: ask for another.");
    }

    /// <summary>What whoever made an invitation is now.</summary>
    private static async Task<Roles> RolesOfInviterAsync(DatabaseTransaction transaction, Invitation invitation) => invitation switch
    {
        { By: { } person } => await SignIns.FindCallerAsync(transaction, person, Roles.None) is { } by ? by.Everywhere | by.In(invitation.Organisation) : Roles.None,
        { Operator: { } name } => RoleNames.OfOperator(await transaction.FindAsync<string>("SELECT role FROM operators WHERE name = @name", new { name })),
        _ => Roles.Bootstrap,
    };

    private Task LetInAsync(DatabaseTransaction transaction, string person, Invitation invitation) =>
        invitation.Organisation is null ? Task.CompletedTask : organisations.AddAsync(transaction, invitation.Organisation, person, invitation.Role);
}

/// <summary>What a code of an invitation stands for, and who made it: a person, an operator's token, or whoever holds the bootstrap secret.</summary>
internal sealed record Invitation(string Email, string Role, string? Organisation, string? By, string? Operator);

[JsonSerializable(typeof(Invitation))]
internal sealed partial class InvitationJson : JsonSerializerContext;
