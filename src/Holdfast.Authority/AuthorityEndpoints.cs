using Holdfast.Authority.Accounts;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Placing;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority;

/// <summary>The API, one line a route: who is asking, then the service that answers.</summary>
internal sealed class AuthorityEndpoints(
    AccountDirectory directory, AccountStore store, DeviceTable devices, LogTable log, Sessions sessions, Reads reads, Commits commits, SnapshotTable snapshots,
    AccountObjects objects, PodClient pod, byte[] bootstrapHash)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/v1");
        api.MapPost("/operators", CreateOperatorAsync).WithSummary("Makes an operator; the bearer is the secret that the service wrote at its first start.");
        api.MapPost("/accounts", CreateAccountAsync).WithSummary("Makes an account and a code that enrols its first computer. Operators.");
        api.MapGet("/accounts", (HttpContext context) => { Operator(context); return new AccountList(directory.List()); }).WithSummary("Lists accounts. Operators.");
        api.MapPost("/accounts/{name}/codes", CreateCodeAsync).WithSummary("Makes a code that enrols one more computer. Operators.");
        api.MapPost("/enrolments", EnrolAsync).WithSummary("Trades a code for a computer number and a token.");

        var account = api.MapGroup("/accounts/{account}");
        account.MapGet("/log", (HttpContext context, string account) => new LogStatements(log.Statements(Caller(context, account, DeviceRights.Waiting).Place))).WithSummary("The account log.");
        account.MapPost("/log", AppendAsync).WithSummary("Appends root-signed statements, and the keyring that goes with them.");
        account.MapGet("/keyring", GetKeyring).WithSummary("The newest keyring, sealed.");
        account.MapGet("/enrolments", (HttpContext context, string account) => new PendingEnrolments(devices.Pending(Caller(context, account, DeviceRights.Waiting).Place))).WithSummary("Computers that wait for approval.");
        account.MapPost("/enrolments/{computer}/approval", ApproveAsync).WithSummary("Certifies a waiting computer and leaves the sealed keys for it.");
        account.MapPost("/sessions", (HttpContext context, string account, CancellationToken cancellation) => sessions.OpenAsync(Caller(context, account, DeviceRights.Add), cancellation)).WithSummary("Opens a backup session.");
        account.MapPost("/sessions/{session}/grants", ExtendAsync).WithSummary("More numbers to upload under.");
        account.MapPost("/commits", CommitAsync).WithSummary("Makes a snapshot; idempotent by the head's id, which is the Idempotency-Key.");
        account.MapGet("/snapshots", (HttpContext context, string account) => snapshots.List(Caller(context, account, DeviceRights.Add).Place)).WithSummary("Heads of all snapshots.");
        account.MapGet("/segments", (HttpContext context, string account) => snapshots.Segments(Caller(context, account, DeviceRights.Add).Place)).WithSummary("Index segments in force.");
        account.MapPost("/reads", (HttpContext context, string account, OpenReads request) => reads.Open(Caller(context, account, DeviceRights.Add), request)).WithSummary("Where objects lie, and the permission to read them.");
    }

    private async Task<OperatorCreated> CreateOperatorAsync(HttpContext context, CreateOperator request, CancellationToken cancellation)
    {
        if (!System.Security.Cryptography.CryptographicOperations.FixedTimeEquals(Tokens.HashOf(Bearer(context)), bootstrapHash))
        {
            Operator(context);
        }

        var token = Tokens.DrawOperator();
        await directory.AddOperatorAsync(Named(request.Name), Tokens.HashOf(token), cancellation);
        return new OperatorCreated(request.Name, token);
    }

    private async Task<AccountCreated> CreateAccountAsync(HttpContext context, CreateAccount request, CancellationToken cancellation)
    {
        Operator(context);
        var place = await directory.AddAccountAsync(Named(request.Name), cancellation);
        await store.AdmitAsync(place.Account, place.Epoch, cancellation);
        return await NewCodeAsync(place, cancellation);
    }

    private async Task<AccountCreated> CreateCodeAsync(HttpContext context, string name, CancellationToken cancellation)
    {
        Operator(context);
        var place = directory.FindByName(name) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}'.");

        // A crash between directory and store leaves an account without its fence row; admitting again makes it whole.
        await store.AdmitAsync(place.Account, place.Epoch, cancellation);
        return await NewCodeAsync(place, cancellation);
    }

    private async Task<AccountCreated> NewCodeAsync(AccountPlace place, CancellationToken cancellation)
    {
        var code = Tokens.DrawCode();
        await directory.AddCodeAsync(place.Account, Tokens.HashOfCode(code), cancellation);
        return new AccountCreated(place.Account.ToString(), place.Name, code);
    }

    private async Task<EnrolmentBegun> EnrolAsync(BeginEnrolment request, CancellationToken cancellation)
    {
        var name = Named(request.Name);
        if (request.Request is { Length: not 2 * Signatures.PublicKeyLength })
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "A write-only computer's request is two public keys.");
        }

        var place = await directory.UseCodeAsync(Tokens.HashOfCode(request.Code), cancellation)
            ?? throw new HoldfastException(FailureTable.CodeInvalid, "The enrolment code is unknown, used or expired.");
        var (computer, token) = await devices.AddAsync(place, name, request.Request, cancellation);
        return new EnrolmentBegun(place.Account.ToString(), place.Name, computer, token, pod.Url, log.Statements(place), log.Keyring(place));
    }

    private async Task<LogStatements> AppendAsync(HttpContext context, string account, AppendLog request, CancellationToken cancellation)
    {
        // The root's signature is what counts here: a new computer must be able to certify itself.
        var caller = Caller(context, account, DeviceRights.Waiting);
        await log.AppendAsync(caller.Place, request.Statements, request.Keyring, cancellation);
        await objects.PlaceAsync(caller.Place, cancellation);
        return new LogStatements(log.Statements(caller.Place));
    }

    private StoredKeyring GetKeyring(HttpContext context, string account) =>
        new(log.Keyring(Caller(context, account, DeviceRights.Waiting).Place) ?? throw new HoldfastException(FailureTable.NotFound, "The account has no keyring yet."));

    private async Task<LogStatements> ApproveAsync(HttpContext context, string account, uint computer, ApproveEnrolment request, CancellationToken cancellation)
    {
        var caller = Caller(context, account, DeviceRights.Read);
        if (Format.Accounts.Statement.Parse(request.Statement) is not { Kind: Format.Accounts.StatementKind.Computer } statement || statement.Number != computer)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The statement does not certify computer {computer}.");
        }

        await store.WriteAsync(caller.Place, transaction =>
        {
            LogTable.Append(transaction, [request.Statement], null);
            return DeviceTable.Approve(transaction, computer, request.Approval) ? 0 : throw new HoldfastException(FailureTable.NotFound, $"No computer {computer} waits for approval.");
        }, cancellation);
        await objects.PlaceAsync(caller.Place, cancellation);
        return new LogStatements(log.Statements(caller.Place));
    }

    private Task<MoreGrants> ExtendAsync(HttpContext context, string account, long session, AskGrants request, CancellationToken cancellation) =>
        sessions.ExtendAsync(Caller(context, account, DeviceRights.Add), session, request.Receipts, cancellation);

    private Task<SnapshotCommitted> CommitAsync(
        HttpContext context, string account, CommitSnapshot request, [FromHeader(Name = "Idempotency-Key")] string key, CancellationToken cancellation)
    {
        var caller = Caller(context, account, DeviceRights.Add);
        return key.Trim('"') == Convert.ToHexStringLower(Format.Snapshots.Head.Parse(request.Head).Id)
            ? commits.CommitAsync(caller, request, cancellation)
            : throw new HoldfastException(FailureTable.InvalidRequest, "The Idempotency-Key is not the head's id.");
    }

    /// <summary>The computer whose token the request bears, if it is of this account and may do this; anything else is refused.</summary>
    private Device Caller(HttpContext context, string account, DeviceRights needed)
    {
        var token = Bearer(context);
        var device = Tokens.TryRead(token) is { } claim && AccountId.TryParse(account, out var id) && claim.Account == id && directory.Find(id) is { } place
            ? devices.Authenticate(place, claim.Computer, token) : null;
        if (device is null)
        {
            throw new HoldfastException(FailureTable.TokenInvalid, "The token is unknown or revoked.");
        }

        return device.Rights >= needed ? device : throw new HoldfastException(FailureTable.Forbidden, $"This computer's token does not allow that (it may: {device.Rights}).");
    }

    private void Operator(HttpContext context)
    {
        if (directory.FindOperator(Tokens.HashOf(Bearer(context))) is null)
        {
            throw new HoldfastException(FailureTable.TokenInvalid, "This needs an operator's token.");
        }
    }

    private static string Bearer(HttpContext context)
    {
        var header = context.Request.Headers.Authorization.ToString();
        return header.StartsWith("Bearer ", StringComparison.Ordinal) ? header[7..] : throw new HoldfastException(FailureTable.TokenInvalid, "The request bears no token.");
    }

    private static string Named(string name) => name.Length is > 0 and <= 255 && !name.Any(char.IsControl)
        ? name : throw new HoldfastException(FailureTable.InvalidRequest, "A name has 1 to 255 characters and no control characters.");
}
