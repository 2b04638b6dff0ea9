using Holdfast.Authority.Accounts;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Devices;
using Holdfast.Authority.DirectoryMoving;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Moving;
using Holdfast.Authority.People;
using Holdfast.Authority.Reconciling;
using Holdfast.Authority.SelfBackups;
using Holdfast.Authority.Throttling;
using Holdfast.Authority.Trees;
using Holdfast.Authority.Verifying;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority;

/// <summary>The service and its accounts, as operators see them, and as the people see them whose accounts they are.</summary>
internal sealed class OperatingEndpoints(
    AccountDirectory directory, AccountStore store, Closures closures, DeviceTable devices, Organisations organisations, Verifications verifications, ProofTable proofs, JobTable jobs, AccountUsages usages, Samples samples, AuditLog audit, SelfBackup selfBackup, Reconciliation reconciliation, Admissions admissions, ThrottleTable throttles, PermissionChanges changes, Actuals actuals, Moves moves, DirectoryMoves directoryMoves,
    Func<bool, CancellationToken, Task> rotateGrantKey)
{
    public void Map(ApiRoutes api)
    {
        api.Post("/operators", ApiAction.ChangeOperators, "Makes an operator's token for programs; the bearer is another, or the secret that the service wrote at its first start.", CreateOperatorAsync);
        api.Get("/operators", ApiAction.ListPeople, "Operators' tokens by name, without the tokens.", ListOperatorsAsync);
        api.Delete("/operators/{operator}", ApiAction.ChangeOperators, "Revokes an operator's token.", async (string @operator, CancellationToken cancellation) =>
        {
            await directory.RemoveOperatorAsync(@operator, cancellation);
            return new Done();
        });
        api.Post("/accounts", ApiAction.CreateAccount, "Makes an account and a code that enrols its first computer.", CreateAccountAsync);
        api.Post("/accounts/import", ApiAction.ImportAccounts, "Makes up to a thousand accounts, all or none, with a code for each; names that there are already are left as they are, so that it can be sent again.", ImportAccountsAsync);
        api.Get("/accounts", ApiAction.ListAccounts, "Lists accounts by name: all, or those of one's organisations.", ListAccountsAsync);
        api.Post("/accounts/{name}/codes", ApiAction.CreateEnrolmentCode, "Makes a code that enrols one more computer.", CreateCodeAsync);
        api.Patch("/accounts/{name}", ApiAction.RenameAccount, "Gives an account another name: after a rebuild, its id is its name.", RenameAccountAsync);
        api.Put("/accounts/{name}/suspension", ApiAction.SuspendAccount, "Suspends an account, or lets it go on: it backs up nothing meanwhile, and restores as always.", SuspendAsync);
        api.Put("/accounts/{name}/closing", ApiAction.CloseAccount, "Has an account closed, and all that is backed up there deleted, when the service's grace for it has passed; or keeps it after all.", CloseAsync);
        api.Get("/closures", ApiAction.ReadService, "Accounts that are being closed, and the record of each that was.", ListClosuresAsync);
        api.Put("/accounts/{name}/organisation", ApiAction.AssignAccount, "Gives an account to an organisation.", AssignAsync);
        api.Get("/accounts/{name}/computers", ApiAction.ListComputers, "An account's computers, and when each backed up last.", ListComputersAsync);
        api.Patch("/accounts/{name}/computers/{computer}", ApiAction.ChangeComputer, "Renames a computer, retires it, or takes that back. Its snapshots stay.", ChangeComputerAsync);
        api.Get("/usage", ApiAction.ReadUsage, "What accounts use, as it was counted last, by name.", ListUsageAsync);
        api.Post("/grant-keys/rotation", ApiAction.RotateGrantKey, "Changes to a new key for grants, without a stop; grants under the old one stay good for their life unless it is revoked.", RotateGrantKeyAsync);
        api.Post("/verifications", ApiAction.StartVerification, "Starts reading everything that snapshots need, or joins the verification that runs.",
            async (StartVerification request, CancellationToken cancellation) => TypedResults.Accepted("/v1/verifications/latest", await verifications.StartAsync(request.Account, cancellation)));
        api.Get("/verifications/latest", ApiAction.ReadService, "How far the latest verification is, and what it found.", verifications.StatusAsync);
        api.Get("/proofs", ApiAction.ReadService, "How well it is proved that accounts can be restored.", proofs.SummaryAsync);
        api.Post("/self-backups", ApiAction.BackUpService, "Has a copy of the service's own databases made now, on its pod.",
            async (CancellationToken cancellation) => TypedResults.Accepted("/v1/self-backups", await selfBackup.AskAsync(cancellation)));
        api.Get("/self-backups", ApiAction.ReadService, "Copies of the service's own databases on its pod.", selfBackup.StatusAsync);
        api.Get("/reconciliation", ApiAction.ReadService, "How far accounts are compared with the pod, after a copy of the databases was restored.", reconciliation.StatusAsync);
        api.Get("/gate", ApiAction.ReadService, "What the gate does with computers that want to back up, and how the return of everybody is going.", admissions.StatusAsync);
        api.Put("/gate", ApiAction.ChangeGate, "Opens the gate, closes it, lets computers back in turns, or holds that.", (ChangeGate change, CancellationToken cancellation) => admissions.ChangeAsync(change, cancellation));
        api.Get("/throttles", ApiAction.ReadService, "Limits on backups and restores that have not ended.", (CancellationToken cancellation) => throttles.ListAsync(cancellation));
        api.Post("/throttles", ApiAction.ChangeGate, "Limits backups or restores for a while, of one account or of all, perhaps only at certain hours.", (AddThrottle asked, CancellationToken cancellation) => throttles.AddAsync(asked, cancellation));
        api.Delete("/throttles/{throttle}", ApiAction.ChangeGate, "Takes a limit away.", async (string throttle, CancellationToken cancellation) =>
        {
            await throttles.RemoveAsync(throttle, cancellation);
            return new Done();
        });
        api.Get("/permission-changes", ApiAction.ReadService, "How far the latest change of permissions of each tree is.", (CancellationToken cancellation) => changes.ListAsync(cancellation));
        api.Post("/permission-changes", ApiAction.ChangeTrees, "Changes the permissions of a tree that is registered with a node, as a job of that node.",
            async (StartPermissionChange asked, CancellationToken cancellation) => TypedResults.Accepted("/v1/permission-changes", await changes.StartAsync(asked, cancellation)));
        api.Put("/permission-changes/{tree}/threads", ApiAction.ChangeTrees, "Says how many threads a change of permissions may have from now on.",
            (string tree, ChangeThreads asked, CancellationToken cancellation) => changes.ChangeThreadsAsync(tree, asked, cancellation));
        api.Delete("/permission-changes/{tree}", ApiAction.ChangeTrees, "Gives a change of permissions up; what was changed stays.", (string tree, CancellationToken cancellation) => changes.StopAsync(tree, cancellation));
        api.Get("/moves", ApiAction.ReadService, "Moves of accounts between stores, the latest first.", (CancellationToken cancellation) => moves.ListAsync(cancellation));
        api.Get("/moves/{move}", ApiAction.ReadService, "How far a move is; `latest` is the latest.", (string move, CancellationToken cancellation) => moves.StatusAsync(move, cancellation));
        api.Post("/moves", ApiAction.MoveAccounts, "Plans a move of accounts to another store: all is looked at before anything is copied.", (PlanMove asked, CancellationToken cancellation) => moves.PlanAsync(asked, cancellation));
        api.Post("/moves/{move}/start", ApiAction.MoveAccounts, "Starts a plan, unless it is stale.", (string move, CancellationToken cancellation) => moves.StartAsync(move, cancellation));
        api.Post("/moves/{move}/pause", ApiAction.MoveAccounts, "Begins no other account.", (string move, CancellationToken cancellation) => moves.PauseAsync(move, cancellation));
        api.Post("/moves/{move}/resume", ApiAction.MoveAccounts, "Goes on with a move that is paused.", (string move, CancellationToken cancellation) => moves.ResumeAsync(move, cancellation));
        api.Post("/moves/{move}/abort", ApiAction.MoveAccounts, "Moves no other account; those that have moved stay, and may go back.", (string move, CancellationToken cancellation) => moves.AbortAsync(move, cancellation));
        api.Get("/directory-move", ApiAction.ReadService, "How far the latest move of the directory is.", (CancellationToken cancellation) => directoryMoves.StatusAsync(cancellation));
        api.Post("/directory-move", ApiAction.MoveAccounts, "Moves the directory to the database that the configuration names as the next one.", (StartDirectoryMove asked, CancellationToken cancellation) => directoryMoves.StartAsync(asked, cancellation));
        api.Post("/directory-move/abort", ApiAction.MoveAccounts, "Gives a move of the directory up that has not been decided.", (CancellationToken cancellation) => directoryMoves.AbortAsync(cancellation));
        api.Post("/moves/{move}/reverse", ApiAction.MoveAccounts, "Moves all accounts back that have moved, while there is a way.", (string move, CancellationToken cancellation) => moves.ReverseAsync(move, cancellation));
        api.Get("/actuals", ApiAction.ReadService, "What long work of the service really took, the latest first.", (string? cursor, int? limit, CancellationToken cancellation) => actuals.ListAsync(Paging.Of(cursor, limit), cancellation));
        api.Get("/jobs", ApiAction.ReadService, "The service's own work, the latest first.", ListJobsAsync);
        api.Get("/growth", ApiAction.ReadService, "How much there was of what, a value a day.", ListGrowthAsync);
        api.Get("/audit", ApiAction.ReadAudit, "What people did, in order; each entry's hash covers the one before.", ListAuditAsync);
    }

    private async Task<JobList> ListJobsAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await jobs.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new JobList([.. page.Items.Select(job => new JobSummary(
            job.Id, job.Kind, job.Subject, job.State, job.DueAt, job.Node, job.Attempts, job.IsStuck, job.Failure, job.CreatedAt, job.EndedAt))], page.Next);
    }

    private async Task<AccountUsageList> ListUsageAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await usages.ListAsync(CallerCheck.CallerOf(context).OrganisationsFor(ApiAction.ReadUsage), Paging.Of(cursor, limit), cancellation);
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
        Invitations.RequireRole(RoleNames.OfOperators, request.Role);
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"make operator ({request.Role})", Names.Checked(request.Name), cancellation);
        var token = Tokens.DrawOperator();
        await directory.AddOperatorAsync(Names.Checked(request.Name), DeviceToken.HashOf(token), request.Role, cancellation);
        return new OperatorCreated(request.Name, token);
    }

    private async Task<OperatorList> ListOperatorsAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await directory.OperatorsAsync(Paging.Of(cursor, limit), cancellation);
        return new OperatorList(page.Items, page.Next);
    }

    private async Task<AccountCreated> CreateAccountAsync(HttpContext context, CreateAccount request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, "make account", Names.Checked(request.Name), cancellation);
        var made = (await MakeAccountsAsync([new ImportedAccount(request.Name)], cancellation)).Single();
        return made.Code is { } code
            ? new AccountCreated(made.Account, made.Name, code)
            : throw new HoldfastException(FailureTable.Conflict, $"There is an account '{request.Name}' already; ask for a code for it instead.");
    }

    /// <summary>The rows in the accounts' stores come first: whatever fails, asking again does all of it.</summary>
    private async Task<IReadOnlyList<AccountImported>> MakeAccountsAsync(IReadOnlyList<ImportedAccount> wanted, CancellationToken cancellation)
    {
        var places = await directory.PlacesForAsync([.. wanted.Select(account => (account.Name, account.Organisation))], cancellation);
        foreach (var place in places)
        {
            await store.AdmitAsync(place, cancellation);
        }

        var codes = places.Select(_ => Tokens.DrawCode()).ToList();
        var made = await directory.AddAsync(places.Zip(codes, (place, code) => (place, Tokens.HashOfCode(code))), cancellation);
        return [.. made.Zip(codes, (account, code) => new AccountImported(account.Place.Account.ToString(), account.Place.Name, account.IsNew ? code : null))];
    }

    private async Task<AccountsImported> ImportAccountsAsync(HttpContext context, ImportAccounts request, CancellationToken cancellation)
    {
        if (request.Accounts.Count is 0 or > ImportAccounts.AccountsMax || request.Accounts.Any(account => account is null))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An import has 1 to {ImportAccounts.AccountsMax} accounts.");
        }

        foreach (var account in request.Accounts)
        {
            Names.Checked(account.Name);
        }

        foreach (var organisation in request.Accounts.Select(account => account.Organisation).OfType<string>().Distinct())
        {
            await organisations.RequireAsync(organisation, cancellation);
        }

        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"import {request.Accounts.Count} accounts", $"{request.Accounts[0].Name} …", cancellation);
        return new AccountsImported(await MakeAccountsAsync(request.Accounts, cancellation));
    }

    private async Task<AccountList> ListAccountsAsync(HttpContext context, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await directory.ListAsync(CallerCheck.CallerOf(context).OrganisationsFor(ApiAction.ListAccounts), Paging.Of(cursor, limit), cancellation);
        return new AccountList(page.Items, page.Next);
    }

    private async Task<ComputerList> ListComputersAsync(string name, string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await devices.ListAsync(await directory.PlaceOfAsync(name, cancellation), Paging.Of(cursor, limit), cancellation);
        return new ComputerList(page.Items, page.Next);
    }

    private async Task<ComputerSummary> ChangeComputerAsync(HttpContext context, string name, uint computer, ChangeComputer request, CancellationToken cancellation)
    {
        var place = await directory.PlaceOfAsync(name, cancellation);
        if (request.Name is not null)
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"rename computer {computer} of {name}", Names.Checked(request.Name), cancellation);
        }

        if (request.Replaces is { } replaced)
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"put computer {computer} in the place of {replaced}", name, cancellation);
        }

        if (request.Retired is { } isRetired)
        {
            await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"{(isRetired ? "retire" : "reinstate")} computer {computer}", name, cancellation);
        }

        return await devices.ChangeAsync(place, computer, request, cancellation);
    }

    private async Task<AccountSummary> RenameAccountAsync(HttpContext context, string name, RenameAccount request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"rename account {name}", Names.Checked(request.Name), cancellation);
        return await directory.RenameAsync(name, request.Name, cancellation);
    }

    private async Task<AccountSummary> SuspendAsync(HttpContext context, string name, SetSuspension request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, request.Suspended ? "suspend account" : "resume account", name, cancellation);
        return await directory.SuspendAsync(name, request.Suspended, cancellation);
    }

    private async Task<AccountSummary> CloseAsync(HttpContext context, string name, SetClosing request, CancellationToken cancellation)
    {
        var (place, caller) = (await directory.PlaceOfAsync(name, cancellation), CallerCheck.CallerOf(context).Name);
        await audit.AppendAsync(caller, request.Closing ? "close account" : "reopen account", name, cancellation);
        if (request.Closing)
        {
            return await closures.AskAsync(place, caller, cancellation);
        }

        await closures.TakeBackAsync(place, cancellation);
        return AccountDirectory.Summary(place with { ClosesAt = null });
    }

    private async Task<AccountClosures> ListClosuresAsync(string? cursor, int? limit, CancellationToken cancellation)
    {
        var page = await closures.ListAsync(Paging.Of(cursor, limit), cancellation);
        return new AccountClosures(page.Items, page.Next);
    }

    private async Task<AccountSummary> AssignAsync(HttpContext context, string name, AssignAccount request, CancellationToken cancellation)
    {
        if (request.Organisation is { } organisation)
        {
            await organisations.RequireAsync(organisation, cancellation);
        }

        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, $"give account to organisation {request.Organisation ?? "(none)"}", name, cancellation);
        return await directory.AssignAsync(name, request.Organisation, cancellation);
    }

    private async Task<GrantKeyRotated> RotateGrantKeyAsync(HttpContext context, RotateGrantKey request, CancellationToken cancellation)
    {
        await audit.AppendAsync(CallerCheck.CallerOf(context).Name, request.RevokeOld ? "rotate the grant key and revoke the old one" : "rotate the grant key", "", cancellation);
        await rotateGrantKey(request.RevokeOld, cancellation);
        return new GrantKeyRotated(request.RevokeOld);
    }

    private async Task<AccountCreated> CreateCodeAsync(string name, CancellationToken cancellation)
    {
        var place = await directory.PlaceOfAsync(name, cancellation);

        // Earlier versions could leave an account without its fence row; admitting again makes it whole.
        await store.AdmitAsync(place, cancellation);
        var code = Tokens.DrawCode();
        await directory.AddCodeAsync(place.Account, Tokens.HashOfCode(code), cancellation);
        return new AccountCreated(place.Account.ToString(), place.Name, code);
    }
}
