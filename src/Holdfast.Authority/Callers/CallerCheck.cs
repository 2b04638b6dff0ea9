using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.People;
using Holdfast.Authority.Restores;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority.Callers;

/// <summary>Looks at the token before anything of the request is read: what nobody may send is not parsed. Who may is decided by <see cref="Permissions"/> alone.</summary>
internal sealed class CallerCheck(AccountDirectory directory, DeviceTable devices, SignIns signIns, ApiTokens tokens, Restorers restorers, AuditLog audit, byte[] bootstrapHash, TimeProvider time)
{
    /// <summary>How long a proof counts.</summary>
    public static readonly TimeSpan ProofLife = TimeSpan.FromMinutes(10);

    /// <summary>Whom <see cref="CheckAsync"/> let through.</summary>
    public static Caller CallerOf(HttpContext context) => context.Features.Get<Caller>() ?? throw new InvalidOperationException("anybody may call this endpoint");

    /// <summary>The computer that <see cref="CheckAsync"/> let through.</summary>
    public static Device DeviceOf(HttpContext context) => CallerOf(context).Device ?? throw new InvalidOperationException("the endpoint is not only for computers");

    /// <summary>Which computer the request says it is of; nobody has looked whether that is so.</summary>
    public static (AccountId Account, uint Computer)? ClaimOf(HttpContext context) =>
        context.Request.Headers.Authorization.ToString() is var header && header.StartsWith("Bearer ", StringComparison.Ordinal) && DeviceToken.TryRead(header[7..]) is { } claim
        && AccountId.TryParse(context.GetRouteValue("account") as string, out var account) && account == claim.Account ? claim : null;

    /// <summary>The person that <see cref="CheckAsync"/> let through.</summary>
    public static Person PersonOf(HttpContext context) => CallerOf(context).Person ?? throw new InvalidOperationException("the endpoint is not only for people");

    /// <summary>Refuses a request whose bearer may not call its endpoint; endpoints outside the API have rules of their own.</summary>
    public async Task CheckAsync(HttpContext context)
    {
        if (ApiEndpoint.Of(context) is not { } endpoint)
        {
            return;
        }

        var permission = Permissions.Of(endpoint.Action);
        if ((permission.Roles & Roles.Anybody) != Roles.None)
        {
            return;
        }

        var caller = await IdentifyAsync(context);
        await RequireRoleAsync(context, caller, permission);
        if (caller.Scopes?.Contains(endpoint.Name) == false)
        {
            throw new HoldfastException(FailureTable.Forbidden, $"This token was not made for {endpoint.Name}.");
        }

        RequireProof(caller, permission);
        context.Features.Set(caller);
        if (caller is { Device: null, Restorer: null } && !HttpMethods.IsGet(context.Request.Method))
        {
            // What somebody may change is written down before it is changed.
            await audit.AppendAsync(caller.Name, $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText}", context.Request.Path.Value ?? "", context.RequestAborted);
        }
    }

    private async Task<Caller> IdentifyAsync(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        var token = header.StartsWith("Bearer ", StringComparison.Ordinal) ? header[7..] : throw new HoldfastException(FailureTable.TokenInvalid, "The request bears no token.");
        var hash = DeviceToken.HashOf(token);
        var caller = token switch
        {
            _ when DeviceToken.TryRead(token) is { } claim => await FindDeviceAsync(context, claim, token),
            _ when token.StartsWith(SignIns.TokenPrefix, StringComparison.Ordinal) => await signIns.FindAsync(hash, context.RequestAborted),
            _ when token.StartsWith(ApiTokens.TokenPrefix, StringComparison.Ordinal) => await tokens.FindAsync(hash, context.RequestAborted),
            _ when token.StartsWith(Restorers.TokenPrefix, StringComparison.Ordinal) => await restorers.FindAsync(hash, context.GetRouteValue("account") as string, context.RequestAborted),
            _ when CryptographicOperations.FixedTimeEquals(hash, bootstrapHash) => new Caller("bootstrap", Roles.Bootstrap),
            _ => await directory.FindOperatorAsync(hash, context.RequestAborted) is var (name, role) ? new Caller(name, RoleNames.OfOperator(role)) : null,
        };
        return caller ?? throw new HoldfastException(FailureTable.TokenInvalid, "The token is unknown, expired or revoked.");
    }

    private async Task<Caller?> FindDeviceAsync(HttpContext context, (AccountId Account, uint Computer) claim, string token) =>
        AccountId.TryParse(context.GetRouteValue("account") as string, out var id) && claim.Account == id && await directory.FindAsync(id, context.RequestAborted) is { } place
        && await devices.AuthenticateAsync(place, claim.Computer, token, context.RequestAborted) is { } device
            ? new Caller($"computer {device.Computer} of {device.Place.Name}", device.Rights switch
            {
                DeviceRights.Read => Roles.ReadingComputer,
                DeviceRights.Add => Roles.AddingComputer,
                _ => Roles.WaitingComputer,
            }) { Device = device } : null;

    /// <summary>What is in an organisation where somebody has no role does not exist for them.</summary>
    private async Task RequireRoleAsync(HttpContext context, Caller caller, Permission permission)
    {
        if (permission.BacksUp && caller.Device is { Place: { IsReconciling: true, Name: var reconciling } })
        {
            throw new HoldfastException(FailureTable.AccountReconciling, $"Account {reconciling} is being compared with what is stored of it.");
        }

        if (permission.BacksUp && caller.Device is { Place: { ClosesAt: { } closesAt, Name: var closing } })
        {
            throw new HoldfastException(FailureTable.AccountClosing, $"Account {closing} will be closed at {DateTimeOffset.FromUnixTimeSeconds(closesAt):yyyy-MM-dd HH:mm} UTC.");
        }

        if (permission.BacksUp && caller.Device is { Place: { IsSuspended: true, Name: var suspended } })
        {
            throw new HoldfastException(FailureTable.AccountSuspended, $"Account {suspended} is suspended.");
        }

        if (permission.BacksUp && caller.Device is { Place: { IsOverdue: true, Name: var overdue } })
        {
            throw new HoldfastException(FailureTable.PaymentOverdue, $"Account {overdue} has an invoice that is long overdue.");
        }

        if ((caller.Everywhere & permission.Roles) != Roles.None)
        {
            return;
        }

        if (caller.Person is not null && (context.GetRouteValue("name") ?? context.GetRouteValue("organisation")) is string named)
        {
            var organisation = context.GetRouteValue("organisation") as string ?? (await directory.FindByNameAsync(named, context.RequestAborted))?.Organisation;
            var here = caller.In(organisation);
            if ((here & permission.Roles) != Roles.None)
            {
                return;
            }

            if (here == Roles.None && caller.Everywhere is Roles.SignedIn or Roles.None)
            {
                throw new HoldfastException(FailureTable.NotFound, $"There is no '{named}' here.");
            }
        }
        else if (caller.Memberships.Any(membership => (RoleNames.InOrganisation(membership.Role) & permission.Roles) != Roles.None))
        {
            // A list: it shows what is theirs.
            return;
        }

        throw new HoldfastException(FailureTable.Forbidden, caller.Device is null ? "Your role does not allow that." : "This computer's token does not allow that.");
    }

    private void RequireProof(Caller caller, Permission permission)
    {
        var proof = (caller.Everywhere & Roles.Admin) != Roles.None && permission.AdminProof > permission.Proof ? permission.AdminProof : permission.Proof;
        if (proof == Proof.None || (caller.Person is null && !permission.OnlyPeople))
        {
            return;
        }

        if (caller.SignIn is not { } signIn)
        {
            throw new HoldfastException(FailureTable.ProofNeeded, "This needs a person who is signed in; no token can do it.");
        }

        if (signIn.ProvedAt is not { } at || time.GetUtcNow() > DateTimeOffset.FromUnixTimeSeconds(at) + ProofLife || (proof == Proof.TwoFactors && !signIn.IsStrong))
        {
            throw new HoldfastException(FailureTable.ProofNeeded, proof == Proof.TwoFactors
                ? "This needs a password and an authenticator's code, or a passkey, shown within the last ten minutes." : "This needs your password (and code), or a passkey, shown within the last ten minutes.");
        }
    }
}
