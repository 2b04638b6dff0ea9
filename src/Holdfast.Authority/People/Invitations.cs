using System.Net.Mail;
using System.Text.Json.Serialization;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.People;

/// <summary>How people come in: somebody who may invites an address; its owner takes the invitation up, which confirms the address. Where the service sends no mail, whoever invites hands the code on and vouches for it.</summary>
internal sealed class Invitations(IDatabase directory, OneTimeCodes codes, Credentials credentials, Organisations organisations, Outbox outbox, TimeProvider time)
{
    private const string Purpose = "invitation";
    private const int AddressLengthMax = 254;

    private static readonly TimeSpan _life = TimeSpan.FromDays(7);

    /// <summary>Invites somebody into an organisation, or, where it is null, to run the service.</summary>
    public async Task<Invited> InviteAsync(string? organisation, Invite request, CancellationToken cancellation)
    {
        var roles = organisation is null ? RoleNames.OfOperators : RoleNames.OfOrganisations;
        RequireRole(roles, request.Role);
        var email = Address(request.Email);
        if (organisation is not null)
        {
            await organisations.RequireAsync(organisation, cancellation);
        }

        var code = await directory.WriteAsync(async transaction =>
        {
            var made = await codes.AddAsync(transaction, Purpose, new Invitation(email, request.Role, organisation), InvitationJson.Default.Invitation, _life);
            if (outbox.IsConfigured)
            {
                await outbox.AddAsync(transaction, email, "Your invitation to Holdfast", $"You are invited as {request.Role}.\n\nYour code, good for a week, is\n\n    {made}\n\nTake it up with\n\n    holdfast account join --service URL {made}\n");
            }

            return made;
        }, cancellation);
        return new Invited(email, request.Role, outbox.IsConfigured ? null : code);
    }

    /// <summary>Makes the person who takes an invitation up.</summary>
    public async Task<Person> AcceptAsync(BecomePerson request, CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var person = new Person { Id = Guid.CreateVersion7(now).ToString(), Name = request.Name, EmailConfirmed = true, SecurityStamp = Guid.NewGuid().ToString("N"), CreatedAt = now.ToUnixTimeSeconds() };
        person.PasswordHash = await credentials.HashAsync(person, request.Password, cancellation);
        return await directory.WriteAsync(async transaction =>
        {
            var invitation = await UseAsync(transaction, request.Code);
            (person.Email, person.EmailKey) = (invitation.Email, credentials.Users.NormalizeEmail(invitation.Email)!);
            person.OperatorRole = invitation.Organisation is null ? invitation.Role : null;
            if (!await PersonStore.AddAsync(transaction, person))
            {
                throw new HoldfastException(FailureTable.Conflict, $"{invitation.Email} is somebody here already: sign in, and take the invitation up then.");
            }

            await LetInAsync(transaction, person.Id, invitation);
            return person;
        }, cancellation);
    }

    /// <summary>Gives somebody who is here already what an invitation to their address says.</summary>
    public Task TakeUpAsync(Person person, string code, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        var invitation = await UseAsync(transaction, code);
        if (credentials.Users.NormalizeEmail(invitation.Email) != person.EmailKey)
        {
            throw new HoldfastException(FailureTable.CodeInvalid, "The invitation is for another address.");
        }

        await transaction.ExecuteAsync("UPDATE people SET operator_role = coalesce(@role, operator_role), version = @version WHERE person_id = @id",
            new { person.Id, role = invitation.Organisation is null ? invitation.Role : null, version = Guid.NewGuid().ToString("N") });
        await LetInAsync(transaction, person.Id, invitation);
        return 0;
    }, cancellation);

    /// <summary>Fails if a role is none of those.</summary>
    public static void RequireRole(IReadOnlyCollection<string> roles, string role)
    {
        if (!roles.Contains(role))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A role here is one of {string.Join(", ", roles)}.");
        }
    }

    /// <summary>An address as it is kept; the failure invalid_request if it is none.</summary>
    public static string Address(string email) => email.Length <= AddressLengthMax && !email.Any(char.IsControl) && MailAddress.TryCreate(email, out var address) && address.Address == email
        ? email : throw new HoldfastException(FailureTable.InvalidRequest, "That is no e-mail address.");

    private async Task<Invitation> UseAsync(DatabaseTransaction transaction, string code) =>
        await codes.UseAsync(transaction, Purpose, code, InvitationJson.Default.Invitation) ?? throw new HoldfastException(FailureTable.CodeInvalid, "The invitation is unknown, used or expired: ask for another.");

    private Task LetInAsync(DatabaseTransaction transaction, string person, Invitation invitation) =>
        invitation.Organisation is null ? Task.CompletedTask : organisations.AddAsync(transaction, invitation.Organisation, person, invitation.Role);
}

/// <summary>What a code of an invitation stands for.</summary>
internal sealed record Invitation(string Email, string Role, string? Organisation);

[JsonSerializable(typeof(Invitation))]
internal sealed partial class InvitationJson : JsonSerializerContext;
