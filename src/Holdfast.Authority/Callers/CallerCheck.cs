using System.Security.Cryptography;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Devices;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority.Callers;

/// <summary>Looks at the token before anything of the request is read: what nobody may send is not parsed.</summary>
internal sealed class CallerCheck(AccountDirectory directory, DeviceTable devices, AuditLog audit, byte[] bootstrapHash)
{
    /// <summary>The computer that <see cref="CheckAsync"/> let through.</summary>
    public static Device DeviceOf(HttpContext context) => context.Features.Get<Device>() ?? throw new InvalidOperationException("the endpoint has no rule for computers");

    /// <summary>Who of the operators <see cref="CheckAsync"/> let through.</summary>
    public static string OperatorOf(HttpContext context) => context.Features.Get<OperatorCaller>()?.Name ?? throw new InvalidOperationException("the endpoint has no rule for operators");

    /// <summary>Refuses a request whose bearer may not call its endpoint; endpoints outside the API have rules of their own.</summary>
    public async Task CheckAsync(HttpContext context)
    {
        if (context.GetEndpoint()?.Metadata is not { } metadata || metadata.GetMetadata<ApiEndpoint>() is null)
        {
            return;
        }

        switch (metadata.GetMetadata<CallRule>())
        {
            case CallRule.Anybody:
                break;
            case CallRule.Bootstrap when CryptographicOperations.FixedTimeEquals(DeviceToken.HashOf(Bearer(context)), bootstrapHash):
                await AdmitOperatorAsync(context, "bootstrap");
                break;
            case CallRule.Bootstrap or CallRule.Operators:
                await RequireOperatorAsync(context);
                break;
            case CallRule.Computers rule:
                context.Features.Set(await AuthenticateAsync(context, rule));
                break;
            default:
                throw new HoldfastException(FailureTable.Forbidden, "Nobody may call this.");
        }
    }

    private async Task RequireOperatorAsync(HttpContext context) => await AdmitOperatorAsync(context,
        await directory.FindOperatorAsync(DeviceToken.HashOf(Bearer(context)), context.RequestAborted) ?? throw new HoldfastException(FailureTable.TokenInvalid, "This needs an operator's token."));

    /// <summary>What an operator may change is written down before it is changed.</summary>
    private async Task AdmitOperatorAsync(HttpContext context, string name)
    {
        context.Features.Set(new OperatorCaller(name));
        if (!HttpMethods.IsGet(context.Request.Method))
        {
            await audit.AppendAsync(name, $"{context.Request.Method} {(context.GetEndpoint() as RouteEndpoint)?.RoutePattern.RawText}", context.Request.Path.Value ?? "", context.RequestAborted);
        }
    }

    private async Task<Device> AuthenticateAsync(HttpContext context, CallRule.Computers rule)
    {
        var token = Bearer(context);
        var account = context.GetRouteValue("account") as string;
        var device = DeviceToken.TryRead(token) is { } claim && AccountId.TryParse(account, out var id) && claim.Account == id && await directory.FindAsync(id, context.RequestAborted) is { } place
            ? await devices.AuthenticateAsync(place, claim.Computer, token, context.RequestAborted) : null;
        if (device is null)
        {
            throw new HoldfastException(FailureTable.TokenInvalid, "The token is unknown or revoked.");
        }

        if (rule.BacksUp && device.Place.IsSuspended)
        {
            throw new HoldfastException(FailureTable.AccountSuspended, $"Account {device.Place.Name} is suspended.");
        }

        return device.Rights >= rule.Needed ? device : throw new HoldfastException(FailureTable.Forbidden, "This computer's token does not allow that.");
    }

    private static string Bearer(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.Ordinal) ? header[7..] : throw new HoldfastException(FailureTable.TokenInvalid, "The request bears no token.");
    }

    private sealed record OperatorCaller(string Name);
}
