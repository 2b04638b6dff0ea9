using Holdfast.Authority.Accounts;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.Escrow;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Status;
using Holdfast.Authority.Verifying;
using Holdfast.Documents.Letters;
using Holdfast.Format.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Format.Snapshots;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Mvc;

namespace Holdfast.Authority;

/// <summary>What computers ask: one line a route, and the service that answers.</summary>
internal sealed class ComputerEndpoints(
    AccountDirectory directory, AccountStore store, DeviceTable devices, Attachments attachments, LogTable log, Sessions sessions, Reads reads, Commits commits, SnapshotTable snapshots, AccountObjects objects, ProofTable proofs,
    EscrowKeys escrow, PodClient pod, Admissions admissions, OwnerMail owners, StatusReader status)
{
    public void Map(ApiRoutes api)
    {
        api.Post("/enrolments", ApiAction.Enrol, "Trades a code for a computer number and a token; the same attempt again is answered again.", EnrolAsync);

        var account = api.Group("/accounts/{account}");
        account.Get("/log", ApiAction.ReadLog, "The account log, in order.", ListLogAsync);
        account.Post("/log", ApiAction.AppendLog, "Appends root-signed statements, and the keyring that goes with them; the same again changes nothing.", AppendAsync);
        account.Get("/keyring", ApiAction.ReadLog, "The newest keyring, sealed.", GetKeyringAsync);
        account.Get("/enrolments", ApiAction.ReadLog, "Computers that wait for approval.", ListPendingAsync);
        account.Post("/enrolments/{computer}/approval", ApiAction.ApproveComputer, "Certifies a waiting computer and leaves the sealed keys for it.", ApproveAsync);
        account.Post("/attachments", ApiAction.Attach, "Something to sign, for a computer whose token is not known any more, or for a person who confirms the account.",
            (string account, AskAttachment request) => attachments.Ask(account, request.Computer));
        account.Put("/attachments/{computer}", ApiAction.Attach, "Takes the new token of a computer that proves itself by the key that the account log certifies.",
            (HttpContext context, string account, uint computer, AttachComputer request, CancellationToken cancellation) =>
                attachments.AttachAsync(account, computer, context.Request.Host.Value ?? "", request, cancellation));
        account.Post("/confirmation", ApiAction.ConfirmAccount, "A person who opened the account confirms what came back: what is old may be collected again.",
            (HttpContext context, ConfirmAccount request, CancellationToken cancellation) =>
                attachments.ConfirmAsync(CallerCheck.DeviceOf(context), context.Request.Host.Value ?? "", request, cancellation));
        account.Post("/readings", ApiAction.OpenReading, "A person who opened the account lets this computer read all of it for an hour.",
            (HttpContext context, OpenReading request, CancellationToken cancellation) =>
                attachments.OpenReadingAsync(CallerCheck.DeviceOf(context), context.Request.Host.Value ?? "", request, cancellation));
        account.Post("/sessions", ApiAction.BeginBackup, "Opens a backup session; or says when to come again.", OpenSessionAsync);
        account.Post("/sessions/{session}/grants", ApiAction.BackUp, "More numbers to upload under.", ExtendAsync);
        account.Delete("/sessions/{session}", ApiAction.BackUp, "Gives up a backup that will not be committed: its place is another's. What it uploaded stays, for the next.", LeaveAsync);
        account.Post("/commits", ApiAction.BackUp, "Makes a snapshot; idempotent by the head's id, which is the Idempotency-Key.", CommitAsync);
        account.Get("/self", ApiAction.Browse, "This computer, and those whose place it took.", (HttpContext context, CancellationToken cancellation) => devices.DescribeAsync(CallerCheck.DeviceOf(context), cancellation));
        account.Get("/snapshots", ApiAction.Browse, "Heads of all snapshots, by computer and sequence.", ListSnapshotsAsync);
        account.Get("/segments", ApiAction.Browse, "Index segments in force, by number.", ListSegmentsAsync);
        account.Post("/drills", ApiAction.HandInDrill, "Keeps the signed result of a restore drill.",
            (HttpContext context, HandInDrill request, CancellationToken cancellation) => proofs.HandInAsync(CallerCheck.DeviceOf(context), request, cancellation));
        account.Post("/reads", ApiAction.OpenReads, "Where objects lie, and the permission to read them.", OpenReadsAsync);
    }

    private async Task<EnrolmentBegun> EnrolAsync(BeginEnrolment request, CancellationToken cancellation)
    {
        var name = Names.Checked(request.Name);
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
            : await devices.AddAsync(place, name, request.Request, request.AsksToRead, cancellation);
        if (await directory.KeepComputerAsync(code, computer, cancellation) is var kept && kept != computer)
        {
            // The same attempt, sent twice at once, was faster: there is one computer for it.
            await devices.RevokeAsync(place, computer, cancellation);
            (computer, token) = (kept, await devices.ReissueAsync(place, kept, cancellation));
        }
        else if (known is null)
        {
            // Whoever has a stolen code cannot keep owners from hearing of it by hanging up.
            await owners.TellAsync(place.Account.ToArray(), Letter.Of(Outbox.Language, "computer_joined", place.Name, name, computer), CancellationToken.None);
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
        if (request.Keyring is not null)
        {
            await escrow.KeepAsync(place, cancellation);
        }

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

    private async Task<SessionOpened> OpenSessionAsync(HttpContext context, OpenSession request, CancellationToken cancellation)
    {
        var device = CallerCheck.DeviceOf(context);
        var isLetIn = await admissions.EnterAsync(device, context);
        try
        {
            return await sessions.OpenAsync(device, request.CollectionNumber, cancellation) with { Maintenance = status.Soon() };
        }
        catch when (isLetIn)
        {
            admissions.TakeBack(device);
            throw;
        }
    }

    private async Task<MoreGrants> ExtendAsync(HttpContext context, long session, AskGrants request, CancellationToken cancellation)
    {
        var more = await sessions.ExtendAsync(CallerCheck.DeviceOf(context), session, request, cancellation);
        admissions.See(CallerCheck.DeviceOf(context));
        return more;
    }

    private async Task<Done> LeaveAsync(HttpContext context, long session, CancellationToken cancellation)
    {
        var device = CallerCheck.DeviceOf(context);
        await sessions.CheckAsync(device, session, cancellation);
        admissions.End(device);
        return new Done();
    }

    private async Task<SnapshotCommitted> CommitAsync(HttpContext context, CommitSnapshot request, [FromHeader(Name = "Idempotency-Key")] string key, CancellationToken cancellation)
    {
        if (key.Trim('"') != Convert.ToHexStringLower(Head.Parse(request.Head).Id))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, "The Idempotency-Key is not the head's id.");
        }

        var committed = await commits.CommitAsync(CallerCheck.DeviceOf(context), request, cancellation);
        admissions.End(CallerCheck.DeviceOf(context));
        return committed;
    }

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
}
