using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Notifying;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.People;

/// <summary>People: how they come in, sign in, and what they are where.</summary>
internal sealed class PeopleEndpoints(
    Credentials credentials, Passkeys passkeys, SignIns signIns, Invitations invitations, PersonChanges changes, ApiTokens tokens, Organisations organisations, ProviderLogins providers, OwnerMail owners, AuditLog audit, TimeProvider time)
{
    public void Map(ApiRoutes api)
    {
        api.Post("/operators/invitations", ApiAction.InviteOperator, "Invites somebody to run the service, as support, operator or admin.",
            (HttpContext context, Invite request, CancellationToken cancellation) => invitations.InviteAsync(CallerCheck.CallerOf(context), null, request, cancellation));
        api.Post("/people", ApiAction.SignIn, "Takes an invitation up: makes a person, and signs them in.", AcceptAsync);
        api.Get("/people", ApiAction.ListPeople, "Everybody, by id.", ListPeopleAsync);
        api.Patch("/people/{person}", ApiAction.ChangePerson, "Suspends somebody, or changes their role as an operator; their sessions end.", ChangePersonAsync);
        api.Post("/people/{person}/reset-codes", ApiAction.ResetPassword, "A code to set another password, for somebody who gets no mail.",
            async (HttpContext context, string person, CancellationToken cancellation) => new PasswordResetCode(await changes.NewResetAsync(CallerCheck.CallerOf(context), person, cancellation)));

        api.Post("/sign-ins", ApiAction.SignIn, "Signs in, by password and code or by passkey.", SignInAsync);
        api.Post("/passkey-challenges", ApiAction.SignIn, "Begins to sign in by passkey.", (HttpContext context, CancellationToken cancellation) => passkeys.BeginSignInAsync(null, context, cancellation));
        api.Post("/password-resets", ApiAction.SignIn, "Sends a code to set another password, if somebody has the address; the answer is the same if not.",
            async (HttpContext context, AskPasswordReset request, CancellationToken cancellation) => await DoneAsync(changes.AskResetAsync(request.Email, context, cancellation)));
        api.Post("/password-resets/confirmation", ApiAction.SignIn, "Sets another password by such a code; all sessions end.",
            async (HttpContext context, ResetPassword request, CancellationToken cancellation) => await DoneAsync(changes.ResetAsync(request, context, cancellation)));

        MapOneself(api.Group("/me"));
        MapOrganisations(api.Group("/organisations"));
    }

    private void MapOneself(ApiRoutes me)
    {
        me.Get("", ApiAction.ReadOneself, "Who is signed in.", (HttpContext context, CancellationToken cancellation) => DescribeAsync(CallerCheck.CallerOf(context), cancellation));
        me.Patch("", ApiAction.ChangeOneself, "Another name.", RenameAsync);
        me.Put("/time-zone", ApiAction.ChangeOneself, "Another time zone, in which mail says times.", ChangeTimeZoneAsync);
        me.Post("/memberships", ApiAction.ChangeOneself, "Takes an invitation up as somebody who is here already.",
            async (HttpContext context, TakeUp request, CancellationToken cancellation) => await DoneAsync(invitations.TakeUpAsync(CallerCheck.CallerOf(context), request.Code, cancellation)));
        me.Get("/sign-ins", ApiAction.ReadOneself, "One's sessions, the latest first.", (HttpContext context, CancellationToken cancellation) => signIns.ListAsync(CallerCheck.CallerOf(context), cancellation));
        me.Delete("/sign-ins/{signIn}", ApiAction.ChangeOneself, "Ends a session; `current` is the one that asks.", EndAsync);
        me.Post("/proof", ApiAction.ChangeOneself, "Shows all factors again: some changes need that within the last ten minutes.", ProveAsync);
        me.Post("/proof/passkey-challenges", ApiAction.ChangeOneself, "Begins to show a passkey again.",
            (HttpContext context, CancellationToken cancellation) => passkeys.BeginSignInAsync(CallerCheck.PersonOf(context), context, cancellation));
        me.Put("/password", ApiAction.ChangeFactors, "Another password; the other sessions end.", async (HttpContext context, ChangePassword request, CancellationToken cancellation) =>
        {
            await changes.ChangePasswordAsync(CallerCheck.PersonOf(context), request.New, CallerCheck.CallerOf(context).SignIn?.Id, cancellation);
            return await ToldAsync(context, OwnerMail.Password, new Done());
        });
        me.Post("/email", ApiAction.ChangeFactors, "Sends a code to another address.",
            async (HttpContext context, ChangeEmail request, CancellationToken cancellation) => await DoneAsync(changes.AskEmailAsync(CallerCheck.PersonOf(context), request.Email, cancellation)));
        me.Post("/email/confirmation", ApiAction.ChangeOneself, "The code that was sent there: the address counts from now on.",
            async (HttpContext context, ConfirmEmail request, CancellationToken cancellation) => await DoneAsync(changes.ConfirmEmailAsync(CallerCheck.PersonOf(context), request.Code, cancellation)));
        me.Post("/authenticator", ApiAction.ChangeFactors, "A key for an authenticator, which is asked for once a code of it was seen.", NewAuthenticatorAsync);
        me.Put("/authenticator", ApiAction.ChangeFactors, "A code of that authenticator: from now on it is asked for. Returns the recovery codes.", async (HttpContext context, ConfirmAuthenticator request, CancellationToken cancellation) =>
            await ToldAsync(context, OwnerMail.Authenticator, new RecoveryCodes(await credentials.EnableAuthenticatorAsync(CallerCheck.PersonOf(context), request.Code, CallerCheck.CallerOf(context).SignIn?.Id, cancellation))));
        me.Delete("/authenticator", ApiAction.ChangeFactors, "Takes the authenticator off.", async (HttpContext context, CancellationToken cancellation) =>
        {
            await credentials.DisableAuthenticatorAsync(CallerCheck.PersonOf(context), cancellation);
            return await ToldAsync(context, OwnerMail.Authenticator, new Done());
        });
        me.Post("/recovery-codes", ApiAction.ChangeFactors, "Other recovery codes; those before are worthless.", async (HttpContext context, CancellationToken cancellation) =>
            await ToldAsync(context, OwnerMail.RecoveryCodes, new RecoveryCodes(await credentials.NewRecoveryCodesAsync(CallerCheck.PersonOf(context), cancellation))));
        me.Get("/passkeys", ApiAction.ReadOneself, "One's passkeys.", (HttpContext context) => passkeys.ListAsync(CallerCheck.PersonOf(context)));
        me.Post("/passkeys/challenges", ApiAction.ChangeFactors, "Begins to add a passkey.", (HttpContext context, CancellationToken cancellation) => passkeys.BeginAddingAsync(CallerCheck.PersonOf(context), context, cancellation));
        me.Post("/passkeys", ApiAction.ChangeFactors, "Adds a passkey.", async (HttpContext context, AddPasskey request, CancellationToken cancellation) =>
            await ToldAsync(context, OwnerMail.Passkey, await passkeys.AddAsync(CallerCheck.PersonOf(context), request.Name, request.Answer, context, cancellation)));
        me.Delete("/passkeys/{passkey}", ApiAction.ChangeFactors, "Takes a passkey off.", async (HttpContext context, string passkey, CancellationToken cancellation) =>
        {
            await passkeys.RemoveAsync(CallerCheck.PersonOf(context), passkey, cancellation);
            return await ToldAsync(context, OwnerMail.Passkey, new Done());
        });
        me.Get("/tokens", ApiAction.ReadOneself, "One's tokens for programs.", (HttpContext context, CancellationToken cancellation) => tokens.ListAsync(CallerCheck.PersonOf(context), cancellation));
        me.Post("/tokens", ApiAction.ChangeTokens, "Makes a token for programs: for some actions and some time.", async (HttpContext context, CreateToken request, CancellationToken cancellation) =>
            await ToldAsync(context, OwnerMail.Token, await tokens.CreateAsync(CallerCheck.PersonOf(context), request with { Name = Names.Checked(request.Name) }, cancellation)));
        me.Delete("/tokens/{token}", ApiAction.ChangeOneself, "Revokes a token.",
            async (HttpContext context, string token, CancellationToken cancellation) => await DoneAsync(tokens.DeleteAsync(CallerCheck.PersonOf(context), token, cancellation)));
    }

    private void MapOrganisations(ApiRoutes all)
    {
        all.Post("", ApiAction.CreateOrganisation, "Makes an organisation: customers with more than one person.",
            (CreateOrganisation request, CancellationToken cancellation) => organisations.CreateAsync(Names.Checked(request.Name), cancellation));
        all.Get("", ApiAction.ListOrganisations, "Organisations: all, or those that one is in.", ListOrganisationsAsync);
        all.Get("/{organisation}/members", ApiAction.ListMembers, "Who is in an organisation.", ListMembersAsync);
        all.Post("/{organisation}/invitations", ApiAction.ChangeMembers, "Invites somebody, as owner, member, restore-only or billing.",
            (HttpContext context, string organisation, Invite request, CancellationToken cancellation) => invitations.InviteAsync(CallerCheck.CallerOf(context), organisation, request, cancellation));
        all.Patch("/{organisation}/members/{person}", ApiAction.ChangeMembers, "Gives somebody another role.", async (HttpContext context, string organisation, string person, ChangeMember request, CancellationToken cancellation) =>
        {
            Invitations.RequireRole(RoleNames.OfOrganisations, request.Role);
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"make member {person} {request.Role}", organisation, cancellation);
            return await organisations.ChangeAsync(organisation, person, request.Role, cancellation);
        });
        all.Delete("/{organisation}/members/{person}", ApiAction.ChangeMembers, "Takes somebody out.",
            async (string organisation, string person, CancellationToken cancellation) => await DoneAsync(organisations.RemoveAsync(organisation, person, cancellation)));
    }

    /// <summary>Tells somebody that a way in of theirs was changed, and answers: also if whoever asked has hung up, and what was made is shown even if nobody can be told now.</summary>
    private async Task<T> ToldAsync<T>(HttpContext context, string factor, T answer)
    {
        await owners.TryTellChangedAsync(CallerCheck.PersonOf(context), factor);
        return answer;
    }

    private async Task<SignedIn> AcceptAsync(HttpContext context, BecomePerson request, CancellationToken cancellation)
    {
        var person = await invitations.AcceptAsync(request with { Name = Names.Checked(request.Name) }, context, cancellation);
        return await BeginAsync(person, "password", isStrong: false, context, cancellation);
    }

    /// <summary>Signs in whom an identity provider vouches for.</summary>
    public async Task<SignedIn> SignInByProviderAsync(ProviderIdentity identity, HttpContext context, CancellationToken cancellation) =>
        await BeginAsync(await providers.FindAsync(identity, cancellation), $"provider {identity.Provider}", identity.IsStrong, context, cancellation, isProvider: true);

    private async Task<SignedIn> SignInAsync(HttpContext context, SignIn request, CancellationToken cancellation)
    {
        var (person, method, isStrong) = await CheckAsync(request, context, cancellation);
        return await BeginAsync(person, method, isStrong, context, cancellation);
    }

    private async Task<(Person Person, string Method, bool IsStrong)> CheckAsync(SignIn request, HttpContext context, CancellationToken cancellation) => request switch
    {
        { Passkey: { } answer } => (await passkeys.CheckAsync(answer, context, cancellation), "passkey", true),
        { Email: { } email, Password: { } password } => await credentials.CheckAsync(email, password, request.Code, request.RecoveryCode, context, cancellation),
        _ => throw new HoldfastException(FailureTable.InvalidRequest, "Sign in by e-mail and password, or by passkey."),
    };

    private async Task<SignedIn> BeginAsync(Person person, string method, bool isStrong, HttpContext context, CancellationToken cancellation, bool isProvider = false)
    {
        await audit.AppendAsync($"{person.Email} ({person.Id})", $"sign in by {method}", SignIns.AddressOf(context), cancellation);
        var (row, token) = await signIns.BeginAsync(person, method, isStrong, isProved: !isProvider || isStrong || !person.TwoFactor, context, cancellation);
        var caller = await signIns.FindAsync(Protocol.Grants.DeviceToken.HashOf(token), cancellation) ?? throw Credentials.Refused();
        return new SignedIn(row.Id, token, row.ExpiresAt, await DescribeAsync(caller, cancellation));
    }

    private async Task<Proved> ProveAsync(HttpContext context, Prove request, CancellationToken cancellation)
    {
        var caller = CallerCheck.CallerOf(context);
        var (person, _, isStrong) = await CheckAsync(new SignIn(caller.Person!.Email, request.Password, request.Code, Passkey: request.Passkey), context, cancellation);
        return person.Id == caller.Person.Id ? await signIns.KeepProofAsync(caller.SignIn!, isStrong, cancellation) : throw Credentials.Refused();
    }

    private async Task<Oneself> DescribeAsync(Caller caller, CancellationToken cancellation)
    {
        var person = caller.Person!;
        return new Oneself(person.Id, person.Email, person.Name, person.OperatorRole, person.PasswordHash is not null, person.TwoFactor, await credentials.CountRecoveryCodesAsync(person, cancellation), caller.Memberships, person.TimeZone);
    }

    private async Task<Oneself> ChangeTimeZoneAsync(HttpContext context, ChangeTimeZone request, CancellationToken cancellation)
    {
        await changes.ChangeTimeZoneAsync(CallerCheck.PersonOf(context), request.TimeZone, cancellation);
        return await DescribeAsync(CallerCheck.CallerOf(context), cancellation);
    }

    private async Task<Oneself> RenameAsync(HttpContext context, ChangeOneself request, CancellationToken cancellation)
    {
        await changes.RenameAsync(CallerCheck.PersonOf(context), Names.Checked(request.Name), cancellation);
        return await DescribeAsync(CallerCheck.CallerOf(context), cancellation);
    }

    private Task<Done> EndAsync(HttpContext context, string signIn, CancellationToken cancellation)
    {
        var caller = CallerCheck.CallerOf(context);
        return DoneAsync(signIns.EndAsync(caller.Person!, signIn == "current" ? caller.SignIn!.Id : signIn, cancellation));
    }

    private async Task<AuthenticatorKey> NewAuthenticatorAsync(HttpContext context)
    {
        var person = CallerCheck.PersonOf(context);
        var key = await credentials.NewAuthenticatorAsync(person);
        return new AuthenticatorKey(key, $"otpauth://totp/Holdfast:{Uri.EscapeDataString(person.Email)}?secret={key}&issuer=Holdfast&digits=6");
    }

    private async Task<PersonList> ListPeopleAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await changes.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new PersonList(page.Items, page.Next);
    }

    private async Task<PersonSummary> ChangePersonAsync(HttpContext context, string person, ChangePerson request, CancellationToken cancellation)
    {
        if (CallerCheck.CallerOf(context).Person?.Id == person)
        {
            throw new HoldfastException(FailureTable.Conflict, "Nobody suspends themselves, or changes their own role: ask another admin.");
        }

        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"change person: suspended {request.Suspended?.ToString() ?? "as before"}, role {request.OperatorRole ?? "as before"}", person, cancellation);
        return await changes.ChangeAsync(person, request, time.GetUtcNow().ToUnixTimeSeconds(), cancellation);
    }

    private async Task<OrganisationList> ListOrganisationsAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await organisations.ListAsync(CallerCheck.CallerOf(context).OrganisationsFor(ApiAction.ListOrganisations), Paging.Of(cursor, limit), cancellation);
        return new OrganisationList(page.Items, page.Next);
    }

    private async Task<MemberList> ListMembersAsync(string organisation, string? cursor, int? limit, CancellationToken cancellation)
    {
        await organisations.RequireAsync(organisation, cancellation);
        var page = await organisations.MembersAsync(organisation, Paging.Of(cursor, limit), cancellation);
        return new MemberList(page.Items, page.Next);
    }

    private static async Task<Done> DoneAsync(Task work)
    {
        await work;
        return new Done();
    }
}
