using Holdfast.Authority.Accounts;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Verifying;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Authority;

/// <summary>The API, one line a route: what it is, who may call it, and the service that answers.</summary>
internal sealed class AuthorityEndpoints(
    AccountDirectory directory, AccountStore store, DeviceTable devices, Attachments attachments, LogTable log, Sessions sessions, Reads reads, Commits commits, SnapshotTable snapshots,
    AccountObjects objects, Verifications verifications, ProofTable proofs, JobTable jobs, AccountUsages usages, Samples samples, AuditLog audit, PodClient pod, Func<bool, CancellationToken, Task> rotateGrantKey)
{
    public void Map(IEndpointRouteBuilder routes)
    {
        var api = routes.MapGroup("/v1").WithMetadata(new ApiEndpoint());
        api.MapPost("/operators", CreateOperatorAsync).For(new CallRule.Bootstrap()).WithSummary("Makes an operator; the bearer is another, or the secret that the service wrote at its first start.");
        api.MapPost("/accounts", CreateAccountAsync).For(new CallRule.Operators()).WithSummary("Makes an account and a code that enrols its first computer.");
        api.MapGet("/accounts", ListAccountsAsync).For(new CallRule.Operators()).WithSummary("Lists accounts by name.");
        api.MapPost("/accounts/{name}/codes", CreateCodeAsync).For(new CallRule.Operators()).WithSummary("Makes a code that enrols one more computer.");
        api.MapPatch("/accounts/{name}", RenameAccountAsync)
            .For(new CallRule.Operators()).WithSummary("Gives an account another name: after a rebuild, its id is its name.");
        api.MapPut("/accounts/{name}/suspension", SuspendAsync)
            .For(new CallRule.Operators()).WithSummary("Suspends an account, or lets it go on: it backs up nothing meanwhile, and restores as always.");
        api.MapGet("/accounts/{name}/computers", ListComputersAsync).For(new CallRule.Operators()).WithSummary("An account's computers, and when each backed up last.");
        api.MapPatch("/accounts/{name}/computers/{computer}", ChangeComputerAsync).For(new CallRule.Operators()).WithSummary("Renames a computer, retires it, or takes that back. Its snapshots stay.");
        api.MapPost("/grant-keys/rotation", async (HttpContext context, RotateGrantKey request, CancellationToken cancellation) =>
        {
            await audit.AppendAsync(CallerCheck.OperatorOf(context), request.RevokeOld ? "rotate the grant key and revoke the old one" : "rotate the grant key", "", cancellation);
            await rotateGrantKey(request.RevokeOld, cancellation);
            return new GrantKeyRotated(request.RevokeOld);
        }).For(new CallRule.Operators()).WithSummary("Changes to a new key for grants, without a stop; grants under the old one stay good for their life unless it is revoked.");
        api.MapPost("/verifications", async (StartVerification request, CancellationToken cancellation) => TypedResults.Accepted("/v1/verifications/latest", await verifications.StartAsync(request.Account, cancellation)))
            .For(new CallRule.Operators()).WithSummary("Starts reading everything that snapshots need, or joins the verification that runs.");
        api.MapGet("/verifications/latest", verifications.StatusAsync).For(new CallRule.Operators()).WithSummary("How far the latest verification is, and what it found.");
        api.MapGet("/proofs", proofs.SummaryAsync).For(new CallRule.Operators()).WithSummary("How well it is proved that accounts can be restored.");
        api.MapGet("/jobs", ListJobsAsync).For(new CallRule.Operators()).WithSummary("The service's own work, the latest first.");
        api.MapGet("/usage", ListUsageAsync).For(new CallRule.Operators()).WithSummary("What accounts use, as it was counted last, by name.");
        api.MapGet("/growth", ListGrowthAsync).For(new CallRule.Operators()).WithSummary("How much there was of what, a value a day.");
        api.MapGet("/audit", ListAuditAsync).For(new CallRule.Operators()).WithSummary("What operators did, in order; each entry's hash covers the one before.");
        api.MapPost("/enrolments", EnrolAsync).For(new CallRule.Anybody()).WithSummary("Trades a code for a computer number and a token; the same attempt again is answered again.");

        var account = api.MapGroup("/accounts/{account}");
        account.MapGet("/log", ListLogAsync).For(DeviceRights.Waiting).WithSummary("The account log, in order.");
        account.MapPost("/log", AppendAsync).For(DeviceRights.Waiting).WithSummary("Appends root-signed statements, and the keyring that goes with them; the same again changes nothing.");
        account.MapGet("/keyring", GetKeyringAsync).For(DeviceRights.Waiting).WithSummary("The newest keyring, sealed.");
        account.MapGet("/enrolments", ListPendingAsync).For(DeviceRights.Waiting).WithSummary("Computers that wait for approval.");
        account.MapPost("/enrolments/{computer}/approval", ApproveAsync).For(DeviceRights.Read).WithSummary("Certifies a waiting computer and leaves the sealed keys for it.");
        account.MapPost("/attachments", (string account, AskAttachment request) => attachments.Ask(account, request.Computer))
            .For(new CallRule.Anybody()).WithSummary("Something to sign, for a computer whose token is not known any more, or for a person who confirms the account.");
        account.MapPut("/attachments/{computer}", (HttpContext context, string account, uint computer, AttachComputer request, CancellationToken cancellation) =>
                attachments.AttachAsync(account, computer, context.Request.Host.Value ?? "", request, cancellation))
            .For(new CallRule.Anybody()).WithSummary("Takes the new token of a computer that proves itself by the key that the account log certifies.");
        account.MapPost("/confirmation", (HttpContext context, ConfirmAccount request, CancellationToken cancellation) => 
                attachments.ConfirmAsync(CallerCheck.DeviceOf(context), context.Request.Host.Value ?? "", request, cancellation))
            .For(DeviceRights.Add).WithSummary("A person who opened the account confirms what came back: what is old may be collected again.");
        account.MapPost("/sessions", OpenSessionAsync).For(new CallRule.Computers(DeviceRights.Add, BacksUp: true)).WithSummary("Opens a backup session.");
        account.MapPost("/sessions/{session}/grants", ExtendAsync).For(new CallRule.Computers(DeviceRights.Add, BacksUp: true)).WithSummary("More numbers to upload under.");
        account.MapPost("/commits", CommitAsync).For(new CallRule.Computers(DeviceRights.Add, BacksUp: true)).WithSummary("Makes a snapshot; idempotent by the head's id, which is the Idempotency-Key.");
        account.MapGet("/snapshots", ListSnapshotsAsync).For(DeviceRights.Add).WithSummary("Heads of all snapshots, by computer and sequence.");
        account.MapGet("/segments", ListSegmentsAsync).For(DeviceRights.Add).WithSummary("Index segments in force, by number.");
        account.MapPost("/drills", (HttpContext context, HandInDrill request, CancellationToken cancellation) => proofs.HandInAsync(CallerCheck.DeviceOf(context), request, cancellation))
            .For(DeviceRights.Add).WithSummary("Keeps the signed result of a restore drill.");
        account.MapPost("/reads", OpenReadsAsync).For(DeviceRights.Add).WithSummary("Where objects lie, and the permission to read them.");
    }

    private async Task<JobList> ListJobsAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await jobs.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new JobList([.. page.Items.Select(job => new JobSummary(
            job.Id, job.Kind, job.Subject, job.State, job.DueAt, job.Node, job.Attempts, job.IsStuck, job.Failure, job.CreatedAt, job.EndedAt))], page.Next);
    }

    private async Task<AccountUsageList> ListUsageAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await usages.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new AccountUsageList(page.Items, page.Next);
    }

    private async Task<GrowthHistory> ListGrowthAsync(string? metric, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await samples.ListAsync(metric, Paging.Of(cursor, limit), cancellation);
        return new GrowthHistory(page.Items, page.Next);
    }

    private async Task<AuditEntries> ListAuditAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await audit.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new AuditEntries(page.Items, page.Next);
    }

    private async Task<OperatorCreated> CreateOperatorAsync(HttpContext context, CreateOperator request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.OperatorOf(context), "make operator", Named(request.Name), cancellation);
        var token = Tokens.DrawOperator();
        await directory.AddOperatorAsync(Named(request.Name), DeviceToken.HashOf(token), cancellation);
        return new OperatorCreated(request.Name, token);
    }

    private async Task<AccountCreated> CreateAccountAsync(HttpContext context, CreateAccount request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.OperatorOf(context), "make account", Named(request.Name), cancellation);
        var place = await directory.AddAccountAsync(Named(request.Name), cancellation);
        await store.AdmitAsync(place, cancellation);
        return await NewCodeAsync(place, cancellation);
    }

    private async Task<AccountList> ListAccountsAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await directory.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new AccountList(page.Items, page.Next);
    }

    private async Task<ComputerList> ListComputersAsync(string name, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await devices.ListAsync(await PlaceOfAsync(name, cancellation), Paging.Of(cursor, limit), cancellation);
        return new ComputerList(page.Items, page.Next);
    }

    private async Task<ComputerSummary> ChangeComputerAsync(HttpContext context, string name, uint computer, ChangeComputer request, CancellationToken cancellation)
    {
        var place = await PlaceOfAsync(name, cancellation);
        if (request.Name is not null)
        {
            await audit.AppendAsync(CallerCheck.OperatorOf(context), $"rename computer {computer} of {name}", Named(request.Name), cancellation);
        }

        if (request.Retired is { } isRetired)
        {
            await audit.AppendAsync(CallerCheck.OperatorOf(context), $"{(isRetired ? "retire" : "reinstate")} computer {computer}", name, cancellation);
        }

        return await devices.ChangeAsync(place, computer, request, cancellation);
    }

    private async Task<AccountSummary> RenameAccountAsync(HttpContext context, string name, RenameAccount request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.OperatorOf(context), $"rename account {name}", Named(request.Name), cancellation);
        return await directory.RenameAsync(name, request.Name, cancellation);
    }

    private async Task<AccountSummary> SuspendAsync(HttpContext context, string name, SetSuspension request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.OperatorOf(context), request.Suspended ? "suspend account" : "resume account", name, cancellation);
        return await directory.SuspendAsync(name, request.Suspended, cancellation);
    }

    private async Task<AccountPlace> PlaceOfAsync(string name, CancellationToken cancellation) =>
        await directory.FindByNameAsync(name, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, $"There is no account '{name}'.");

    private async Task<AccountCreated> CreateCodeAsync(string name, CancellationToken cancellation)
    {
        var place = await PlaceOfAsync(name, cancellation);

        // A crash between directory and store leaves an account without its fence row; admitting again makes it whole.
        await store.AdmitAsync(place, cancellation);
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
        if (request.Request is { Length: not 2 * Signatures.PublicKeyLength } || request.Attempt.Length != BeginEnrolment.AttemptLength)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "An enrolment's attempt has 16 bytes, and a write-only computer's request is two public keys.");
        }

        var code = Tokens.HashOfCode(request.Code);
        var (place, known) = await directory.UseCodeAsync(code, Tokens.HashOfAttempt(request.Attempt), cancellation)
            ?? throw new HoldfastException(FailureTable.CodeInvalid, "The enrolment code is unknown, used or expired.");
        if (place.State == AccountState.LogDamaged)
        {
            throw new HoldfastException(FailureTable.DamagedObject, "The account's log came back with a hole: nobody can be let in until the operator has found the missing statements.");
        }

        var (computer, token) = known is { } earlier
            ? (earlier, await devices.ReissueAsync(place, earlier, cancellation))
            : await devices.AddAsync(place, name, request.Request, cancellation);
        if (await directory.KeepComputerAsync(code, computer, cancellation) is var kept && kept != computer)
        {
            // The same attempt, sent twice at once, was faster: there is one computer for it.
            await devices.RevokeAsync(place, computer, cancellation);
            (computer, token) = (kept, await devices.ReissueAsync(place, kept, cancellation));
        }

        return new EnrolmentBegun(place.Account.ToString(), place.Name, computer, token, pod.Url, await log.StatementsAsync(place, cancellation), (await log.KeyringAsync(place, cancellation))?.Bytes, place.State);
    }

    private async Task<Results<Ok<LogStatements>, StatusCodeHttpResult>> ListLogAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var (page, sequence) = await log.ListAsync(CallerCheck.DeviceOf(context).Place, Paging.Of(cursor, limit), cancellation);
        return EntityTag.IsKnown(context, sequence) ? TypedResults.StatusCode(StatusCodes.Status304NotModified) : TypedResults.Ok(new LogStatements(page.Items, page.Next));
    }

    private async Task<LogAppended> AppendAsync(HttpContext context, AppendLog request, [FromHeader(Name = "If-Match")] string? ifMatch, CancellationToken cancellation)
    {
        // The root's signature is what counts here: a new computer must be able to certify itself.
        var place = CallerCheck.DeviceOf(context).Place;
        var sequence = await log.AppendAsync(place, request.Statements, request.Keyring, current => EntityTag.Require(ifMatch, current), cancellation);
        await objects.PlaceAsync(place, cancellation);
        return new LogAppended(sequence);
    }

    private async Task<Results<Ok<StoredKeyring>, StatusCodeHttpResult>> GetKeyringAsync(HttpContext context, CancellationToken cancellation)
    {
        var keyring = await log.KeyringAsync(CallerCheck.DeviceOf(context).Place, cancellation) ?? throw new HoldfastException(FailureTable.NotFound, "The account has no keyring yet.");
        return EntityTag.IsKnown(context, keyring.Version) ? TypedResults.StatusCode(StatusCodes.Status304NotModified) : TypedResults.Ok(new StoredKeyring(keyring.Bytes));
    }

    private async Task<PendingEnrolments> ListPendingAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await devices.PendingAsync(CallerCheck.DeviceOf(context).Place, Paging.Of(cursor, limit), cancellation);
        return new PendingEnrolments(page.Items, page.Next);
    }

    private async Task<LogAppended> ApproveAsync(HttpContext context, uint computer, ApproveEnrolment request, CancellationToken cancellation)
    {
        var place = CallerCheck.DeviceOf(context).Place;
        if (Statement.Parse(request.Statement) is not { Kind: StatementKind.Computer } statement || statement.Number != computer)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"The statement does not certify computer {computer}.");
        }

        var sequence = await store.WriteAsync(place, async transaction =>
        {
            var appended = await LogTable.AppendAsync(transaction, [request.Statement], null, _ => { });
            return await DeviceTable.ApproveAsync(transaction, computer, request.Approval)
                ? appended : throw new HoldfastException(FailureTable.NotFound, $"No computer {computer} waits for approval.");
        }, cancellation);
        await objects.PlaceAsync(place, cancellation);
        return new LogAppended(sequence);
    }

    private Task<SessionOpened> OpenSessionAsync(HttpContext context, OpenSession request, CancellationToken cancellation) =>
        sessions.OpenAsync(CallerCheck.DeviceOf(context), request.CollectionNumber, cancellation);

    private Task<MoreGrants> ExtendAsync(HttpContext context, long session, AskGrants request, CancellationToken cancellation) =>
        sessions.ExtendAsync(CallerCheck.DeviceOf(context), session, request.Receipts, cancellation);

    private Task<SnapshotCommitted> CommitAsync(HttpContext context, CommitSnapshot request, [FromHeader(Name = "Idempotency-Key")] string key, CancellationToken cancellation) =>
        key.Trim('"') == Convert.ToHexStringLower(Head.Parse(request.Head).Id)
            ? commits.CommitAsync(CallerCheck.DeviceOf(context), request, cancellation)
            : throw new HoldfastException(FailureTable.InvalidRequest, "The Idempotency-Key is not the head's id.");

    private async Task<SnapshotList> ListSnapshotsAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await snapshots.ListAsync(CallerCheck.DeviceOf(context).Place, Paging.Of(cursor, limit), cancellation);
        return new SnapshotList(page.Items, page.Next);
    }

    private async Task<SegmentList> ListSegmentsAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await snapshots.SegmentsAsync(CallerCheck.DeviceOf(context).Place, Paging.Of(cursor, limit), cancellation);
        return new SegmentList(page.Items, page.Next);
    }

    private Task<ReadsOpened> OpenReadsAsync(HttpContext context, OpenReads request, CancellationToken cancellation) =>
        reads.OpenAsync(CallerCheck.DeviceOf(context), request, cancellation);

    private static string Named(string name) => name.Length is > 0 and <= 255 && !name.Any(char.IsControl)
        ? name : throw new HoldfastException(FailureTable.InvalidRequest, "A name has 1 to 255 characters and no control characters.");
}
