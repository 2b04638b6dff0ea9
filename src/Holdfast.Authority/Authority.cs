using System.Security.Cryptography;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Alerting;
using Holdfast.Authority.Auditing;
using Holdfast.Authority.Billing;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Closing;
using Holdfast.Authority.Committing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Devices;
using Holdfast.Authority.DirectoryMoving;
using Holdfast.Authority.Escrow;
using Holdfast.Authority.Granting;
using Holdfast.Authority.Incidents;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Measuring;
using Holdfast.Authority.Moving;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.People;
using Holdfast.Authority.Placing;
using Holdfast.Authority.Probing;
using Holdfast.Authority.Quotas;
using Holdfast.Authority.Rebuilding;
using Holdfast.Authority.Reconciling;
using Holdfast.Authority.Reports;
using Holdfast.Authority.Restores;
using Holdfast.Authority.SelfBackups;
using Holdfast.Authority.Status;
using Holdfast.Authority.Throttling;
using Holdfast.Authority.Trees;
using Holdfast.Authority.Verifying;
using Holdfast.Authority.Windows;
using Holdfast.Authority.Windows.Rehearsing;
using Holdfast.Authority.Windows.Steps;
using Holdfast.Format.Objects;
using Holdfast.Posix;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Authority;

/// <summary>The central authority: who may → grants → receipts → commit; and for reading, where things lie. Bulk data never passes through it.</summary>
public sealed class Authority : IAsyncDisposable
{
    private readonly List<IDatabase> _databases;
    private readonly AccountDirectory _directory;
    private readonly AccountStore _store;
    private readonly AccountObjects _objects;
    private readonly OperatingEndpoints _operating;
    private readonly ComputerEndpoints _computers;
    private readonly PeopleEndpoints _people;
    private readonly EscrowKeys _escrow;
    private readonly BillingEndpoints _billing;
    private readonly RestoreEndpoints _restores;
    private readonly QuotaEndpoints _quotas;
    private readonly NotifyingEndpoints _notifying;
    private readonly MaintenanceWindows _windows;
    private readonly Outbox _outbox;
    private readonly WindowEndpoints _windowEndpoints;
    private readonly IncidentEndpoints _incidents;
    private readonly StatusEndpoints _status;
    private readonly StatusFiles? _statusFiles;
    private readonly AccountMetrics _accountMetrics;
    private readonly Credentials _credentials;
    private readonly CallerCheck _callers;
    private readonly RepeatedRequests _repeated;
    private readonly Rebuild _rebuild;
    private readonly JobTable _jobs;
    private readonly JobRunner _runner;
    private readonly SelfBackup _selfBackup;
    private readonly SelfRestore _selfRestore;
    private readonly Closures _closures;
    private readonly Moves _moves;
    private readonly DirectoryMoves _directoryMoves;
    private readonly Admissions _admissions;
    private static readonly TimeSpan _readyWithin = TimeSpan.FromSeconds(5);
    private readonly Movers _movers;
    private readonly StripeCards? _cards;
    private readonly GivingWay _backupSteps = new("backup steps", ThisThread.GiveWay);

    private Authority(List<IDatabase> databases, DirectoryHome directoryDatabase, IReadOnlyDictionary<string, IDatabase> homes, IReadOnlyDictionary<string, string> sources, AccountDirectory directory, AccountStore store, Movers movers, JobTable jobs, PodPlace place, HttpClient http, byte[] bootstrapHash, AuthoritySettings settings, TimeProvider time, ILoggerFactory logging)
    {
        (_databases, _directory, _store, _movers) = (databases, directory, store, movers);
        var pod = new PodClient(http, place, time);
        var devices = new DeviceTable(store, time);
        var log = new LogTable(store);
        var node = NodeName;
        var gateTable = new GateTable(directoryDatabase, node, new NodeFacts(NodeFacts.OwnSchemas, [.. homes.Keys], directoryDatabase.NextId), time);
        _admissions = new Admissions(gateTable, store, pod, time, logging.CreateLogger<Admissions>());
        var throttles = new ThrottleTable(directoryDatabase, directory, new LiveNodes(directoryDatabase, time), time);
        var accountPlans = new AccountPlans(directoryDatabase, time, logging.CreateLogger<AccountPlans>());
        var flows = new Flows(throttles, new PlanLimits(accountPlans, time), _admissions, time);
        var usages = new AccountUsages(directory, store, time);
        var quotas = new QuotaTable(directoryDatabase, accountPlans, time);
        var quotaCheck = new QuotaCheck(quotas, usages, time);
        _accountMetrics = new AccountMetrics(directory, usages, quotas, time);
        var sessions = new Sessions(store, pod, log, flows, quotaCheck, time);
        _objects = new AccountObjects(store, directory, pod);
        var commits = new Commits(store, pod, log, sessions, new SnapshotMaps(pod), _objects, time);
        var proofs = new ProofTable(store, directory, log, time);
        _jobs = jobs;
        var verifications = new Verifications(directory, store, pod, proofs, _jobs, time, logging.CreateLogger<Verifications>());
        var (samples, audit) = (new Samples(directoryDatabase), new AuditLog(directoryDatabase, time));
        var growth = new GrowthSampling(directory, directoryDatabase, store, usages, samples, place, settings.Trees, time, logging.CreateLogger<GrowthSampling>());
        var outbox = _outbox = new Outbox(directoryDatabase, settings.Mail, time, settings.ServiceUrl);
        var (owners, webhooks, subscriptions) = (new OwnerMail(directoryDatabase, outbox, time, logging.CreateLogger<OwnerMail>()), new Webhooks(directoryDatabase, directory, time), new Subscriptions(directoryDatabase, outbox));
        var closures = new Closures(directoryDatabase, owners, webhooks, settings.ClosingGrace, time);
        _escrow = new EscrowKeys(directoryDatabase, directory, log, _objects, audit, time);
        var stored = new StoredSelfBackups(pod, time);
        _selfBackup = new SelfBackup(directoryDatabase, directory, homes, pod, stored, _jobs, settings.SelfBackup, time, logging.CreateLogger<SelfBackup>());
        _selfRestore = new SelfRestore(directoryDatabase, homes, directory, store, closures, pod, stored, time);
        _closures = closures;
        var reconciliation = new Reconciliation(directory, store, _objects, _escrow, pod, _jobs, time);
        var (permissions, actuals) = (new PermissionChanges(directoryDatabase, _jobs, settings.Trees, time), new Actuals(directoryDatabase));
        var (moveTable, storeCheck) = (new MoveTable(directoryDatabase, time), new StoreCheck(homes));
        var (nodes, directoryMoveTable) = (new LiveNodes(directoryDatabase, time), new DirectoryMoveTable(directoryDatabase, time));
        _moves = new Moves(directoryDatabase, moveTable, storeCheck, nodes, _jobs, time);
        _directoryMoves = new DirectoryMoves(directoryDatabase, directoryMoveTable, nodes, _jobs, time);
        var (plans, outages, customers) = (new PlanTable(directoryDatabase, time), new Outages(directoryDatabase, time), new Customers(directoryDatabase, outbox));
        var (bills, invoices, payments) = (new MonthBills(plans, store, outages), new Invoices(directoryDatabase, customers, webhooks, settings.Billing, time), new Payments(directoryDatabase, customers, time));
        var invoicingTable = new InvoicingTable(directoryDatabase);
        var invoicing = new Invoicing(directoryDatabase, plans, bills, invoices, invoicingTable, outages, customers, settings.Billing, time);
        var invoiceRun = new InvoiceRun(directoryDatabase, directory, plans, invoicing, invoicingTable, time);
        _cards = settings.Billing?.Stripe is { } stripe ? new StripeCards(stripe, time) : null;
        var cardPayments = new CardPayments(customers, payments, invoicingTable, _cards, time);
        var restorers = new Restorers(directoryDatabase, directory, time);
        var incidents = new IncidentTable(directoryDatabase, webhooks, time);
        var alerts = new Alerts(directoryDatabase, outbox, webhooks, settings.AlertMail, time);
        var watch = new AlertWatch(alerts,
        [
            new PodAwayAlerts(place), new DriveAlerts(place), new SpaceAlerts(place, samples, time), new SelfBackupAlerts(_selfBackup, settings.SelfBackup.Every, time.GetUtcNow(), time), new CertificateAlerts(settings.CertificateExpires ?? (() => null), time),
            new JobAlerts(_jobs), new ProofAlerts(proofs), new RestorerAlerts(restorers, time), new UndeliveredAlerts(directoryDatabase, time), new IncidentAlerts(incidents), new WindowAlerts(directoryDatabase),
        ], time, logging.CreateLogger<AlertWatch>());
        var drills = new Drills(directoryDatabase, directory, store, proofs, audit, time, logging.CreateLogger<Drills>());
        var digest = new Digest(directoryDatabase, directory, store, usages, quotas, subscriptions, webhooks, time, logging.CreateLogger<Digest>());
        var circulars = new Circulars(directoryDatabase, outbox);
        var reportMail = new ReportMail(directoryDatabase, circulars, outbox, time);
        byte[] anyAccount() => RandomNumberGenerator.GetBytes(AccountId.Length);
        var (windowTable, windowNotices) = (new WindowTable(directoryDatabase, time), new WindowNotices(circulars, webhooks, time));
        var windowSteps = new WindowSteps(
        [
            new AnnounceStep(windowNotices), new GateStep(_admissions, time), new MigrateStep(_moves, new RehearsedMoves(directoryDatabase, storeCheck, sources, anyAccount, time), settings.Trees), new PermissionsStep(permissions, new RehearsedPermissions(settings.Trees, settings.JournalsFolder, permissions, time)), new RunStep(settings.Commands ?? new Dictionary<string, IReadOnlyList<string>>(), time),
            new VerifyStep(verifications, new RehearsedVerification(directoryDatabase, directory, store, pod, anyAccount, time)), new BringUpStep(_admissions, gateTable), new CloseStep(windowNotices),
        ]);
        var windowEstimates = new WindowEstimates(samples, actuals, windowSteps, time);
        var rehearsals = new RehearsalTable(directoryDatabase, time);
        var affected = new AffectedCustomers(directoryDatabase, gateTable, verifications, outages);
        _windows = new MaintenanceWindows(windowTable, windowSteps, windowEstimates, new WindowPromises(windowTable, windowSteps, windowEstimates, time), affected, reportMail, rehearsals, nodes, time);
        _incidents = new IncidentEndpoints(new ServiceIncidents(incidents, outages, affected, reportMail, time), incidents);
        var statusReader = new StatusReader(directoryDatabase, windowSteps, time);
        _status = new StatusEndpoints(statusReader);
        _statusFiles = settings.Status is { } page ? new StatusFiles(page, statusReader, time, logging.CreateLogger<StatusFiles>()) : null;
        var (probe, probes) = (new ServiceProbe(directoryDatabase, directory, store, pod, settings.Door, anyAccount, time), new ProbeTable(directoryDatabase, incidents, time));
        _windowEndpoints = new WindowEndpoints(_windows);
        var windowJob = new WindowJob(windowTable, windowSteps, windowEstimates, windowNotices, new WindowWatch(windowTable, windowEstimates, probe, probes, time), actuals, time);
        var treeJobs = settings.Trees.Select(tree => new PermissionJob(tree.Key, tree.Value, settings.JournalsFolder, permissions, actuals, time));
        var rehearsalJobs = settings.Trees.Keys.Cast<string?>().Append(null).Select(tree => new RehearsalJob(tree, windowTable, rehearsals, windowSteps, time));
        _runner = new JobRunner(_jobs, [.. treeJobs, .. rehearsalJobs, windowJob, new ProbeJob(probe, probes, time, logging.CreateLogger<ProbeJob>()), verifications, growth, .. outbox.IsConfigured ? (IJobKind[])[outbox, outbox.Bulk, reportMail, new MailPresence(outbox, time)] : [], new WebhookDelivery(directoryDatabase, http, time), watch, digest, drills, _selfBackup, reconciliation, new Tidying(directoryDatabase, time), new AccountPurge(closures, directory, store, movers, usages, invoicing, pod, time), invoiceRun, new DunningRun(directoryDatabase, customers, payments, invoicingTable, settings.Billing, time), cardPayments, new MoveJob(moveTable, movers, storeCheck, actuals, time), new SettlingJob(movers), new DirectoryMoveJob(directoryDatabase, directoryMoveTable, nodes, actuals, node, time)], time, logging.CreateLogger<JobRunner>());
        var (signIns, tokens, organisations, codes, limits) =
            (new SignIns(directoryDatabase, time), new ApiTokens(directoryDatabase, time), new Organisations(directoryDatabase, time), new OneTimeCodes(directoryDatabase, time), new AttemptLimits(directoryDatabase, time));
        var people = new PersonStore(directoryDatabase, time);
        _credentials = new Credentials(directoryDatabase, people, limits, logging);
        var changes = new PersonChanges(directoryDatabase, codes, _credentials, limits, outbox, owners, audit);
        _people = new PeopleEndpoints(_credentials, new Passkeys(_credentials, codes, directoryDatabase, people, limits, place.ServiceHost), signIns,
            new Invitations(directoryDatabase, codes, _credentials, organisations, outbox, limits, audit, time), changes, tokens, organisations, new ProviderLogins(directoryDatabase, _credentials, time), owners, audit, time);
        _operating = new OperatingEndpoints(directory, store, closures, devices, organisations, verifications, proofs, _jobs, usages, samples, audit, _selfBackup, reconciliation, _admissions, throttles, permissions, actuals, _moves, _directoryMoves, place.RotateGrantKey);
        _computers = new ComputerEndpoints(
            directory, store, devices, new Attachments(directory, devices, log, pod, time), log, sessions, new Reads(store, pod, flows, new AccountReading(store, pod, time).TakeAsync, logging.CreateLogger<Reads>()), commits, new SnapshotTable(store), _objects, proofs, _escrow, pod, _admissions, owners, statusReader);
        var restores = new PreparedRestores(directoryDatabase, owners, restorers, pod, time);
        _restores = new RestoreEndpoints(directory, restorers, restores, new RestoreClaims(directoryDatabase, directory, drills, pod, outbox, webhooks, time), drills, new SharedArchives(directoryDatabase, owners, restorers, pod, time), proofs, new Browsing(directoryDatabase, owners, restorers, pod, http, time));
        _callers = new CallerCheck(directory, devices, signIns, tokens, restorers, audit, bootstrapHash, time);
        _billing = new BillingEndpoints(directory, plans, bills, customers, invoices, invoiceRun, invoicingTable, _jobs, payments, cardPayments, outages, audit);
        _repeated = new RepeatedRequests(directoryDatabase, time);
        _notifying = new NotifyingEndpoints(alerts, webhooks, subscriptions, devices);
        _quotas = new QuotaEndpoints(directory, devices, usages, quotas, quotaCheck, audit, time);
        _rebuild = new Rebuild(directory, store, pod, closures, _escrow, time);
    }

    private static string NodeName => $"{Environment.MachineName}:{Environment.ProcessId}";

    /// <summary>Opens the databases, upgrading them if need be.</summary>
    public static async Task<Authority> OpenAsync(DatabaseSources sources, PodPlace place, HttpClient http, byte[] bootstrapHash, AuthoritySettings settings, TimeProvider time, ILoggerFactory logging, CancellationToken cancellation)
    {
        var opened = new List<IDatabase>();
        try
        {
            async Task<IDatabase> OpenDatabaseAsync(string source, DatabaseKind kind)
            {
                var database = await DatabaseSource.OpenAsync(source, kind, cancellation);
                opened.Add(database);
                return database;
            }

            var directoryDatabase = await DirectoryHome.OpenAsync(() => OpenDatabaseAsync(sources.Directory, DatabaseKind.Directory),
                sources.NextDirectory is null ? null : () => OpenDatabaseAsync(sources.NextDirectory, DatabaseKind.Directory), time, cancellation);
            var directory = new AccountDirectory(directoryDatabase, sources.NewAccounts, time);
            var homes = new Dictionary<string, IDatabase>();
            foreach (var (name, source) in sources.Stores)
            {
                homes[name] = await OpenDatabaseAsync(source, DatabaseKind.Accounts);
            }

            var movers = new Movers(directoryDatabase, homes, NodeName, time);
            var jobs = new JobTable(directoryDatabase, NodeName, time, settings.SelfBackup.Every > TimeSpan.FromDays(1) ? settings.SelfBackup.Every + TimeSpan.FromHours(1) : null);
            var store = new AccountStore(homes, time, directory.FindAsync, async (account, token) =>
            {
                await movers.ReleaseAsync(account, token);
                await jobs.EnqueueAsync(SettlingJob.JobName, account.ToString(), token);
            });
            await store.CheckNamesAsync(cancellation);
            return new Authority(opened, directoryDatabase, homes, sources.Stores, directory, store, movers, jobs, place, http, bootstrapHash, settings, time, logging);
        }
        catch
        {
            foreach (var database in opened)
            {
                await database.DisposeAsync();
            }

            throw;
        }
    }

    /// <summary>Adds the API, and before it the check of who is calling.</summary>
    public void Map(WebApplication app)
    {
        app.Use(next => async context =>
        {
            // Where it is: to hand it to another thread takes longer than to refuse it.
            if (!await _admissions.TryRefuseAsync(context))
            {
                Work.Current = WorkClasses.Before(context);
                await (Work.Current.Class == WorkClass.Backup ? _admissions.CountAsync(() => _backupSteps.RunAsync(() => next(context))) : next(context));
            }
        });
        app.Use(next => async context =>
        {
            await _callers.CheckAsync(context);
            Work.Current = WorkClasses.Of(context);
            await next(context);
        });
        app.Use(next => context => _repeated.InvokeAsync(context, next));
        app.Use(next => context => AnswerTags.InvokeAsync(context, next));
        var api = new ApiRoutes(app).Group("/v1");
        _operating.Map(api);
        _computers.Map(api);
        _people.Map(api);
        _escrow.Map(api);
        _billing.Map(api);
        _restores.Map(api);
        _quotas.Map(api);
        _notifying.Map(api);
        _windowEndpoints.Map(api);
        _incidents.Map(api);
        _status.Map(api);
    }

    /// <summary>Writes what accounts use, as text for Prometheus.</summary>
    public Task WriteAccountMetricsAsync(TextWriter text, CancellationToken cancellation) => _accountMetrics.WriteAsync(text, cancellation);

    /// <summary>Signs in whom an operator's identity provider vouches for; the failure sign_in_failed if they are nobody here.</summary>
    public Task<SignedIn> SignInAsync(ProviderIdentity identity, HttpContext context, CancellationToken cancellation) => _people.SignInByProviderAsync(identity, context, cancellation);

    /// <summary>Puts on the pod what a crash kept from it; call once the pod answers.</summary>
    public Task RecoverAsync(Action<string> report, CancellationToken cancellation) => _objects.PlaceAllAsync(report, cancellation);

    /// <summary>Fails if the directory cannot be read, or the databases are half made. A store of accounts that is away keeps only its own accounts waiting.</summary>
    public async Task CheckWholeAsync(CancellationToken cancellation)
    {
        if (await _directory.MarkAsync(EmptyDatabases.Mark, cancellation) is not null)
        {
            throw new HoldfastException(FailureTable.Conflict, "The databases are being rebuilt, and that has not ended: run `holdfastd rebuild` (or `restore-self`) again; it begins anew.");
        }
    }

    /// <summary>Fails if this node cannot serve now. A node whose database keeps even a person waiting is not ready: others take what would come to it, before it can do nothing any more.</summary>
    public async Task CheckReadyAsync(CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_readyWithin);
        try
        {
            await CheckWholeAsync(limit.Token);
        }
        catch (OperationCanceledException exception) when (!cancellation.IsCancellationRequested)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The directory takes longer than {_readyWithin.TotalSeconds} seconds to answer: this node has too much to do.", exception);
        }
    }

    /// <summary>Begins to do the service's own work, on this node as on every other.</summary>
    public async Task StartJobsAsync(CancellationToken cancellation)
    {
        await _jobs.EnqueueAsync(GrowthSampling.JobName, "", cancellation);
        await _jobs.EnqueueAsync(Tidying.JobName, "", cancellation);
        await _jobs.EnqueueAsync(InvoiceRun.JobName, "", cancellation);
        await _jobs.EnqueueAsync(DunningRun.JobName, "", cancellation);
        await _jobs.EnqueueAsync(CardPayments.JobName, "", cancellation);
        await _jobs.EnqueueAsync(AlertWatch.JobName, "", cancellation);
        await _jobs.EnqueueAsync(ProbeJob.JobName, "", cancellation);
        await _jobs.EnqueueAsync(Digest.JobName, "", cancellation);
        await _jobs.EnqueueAsync(Drills.JobName, "", cancellation);
        await _jobs.EnqueueAsync(SelfBackup.JobName, "", cancellation, _selfBackup.FirstDue);
        await _closures.ContinueAsync(cancellation);
        await _moves.ContinueAsync(cancellation);
        await _directoryMoves.ContinueAsync(cancellation);
        await _windows.ContinueAsync(cancellation);
        if (_outbox.IsConfigured)
        {
            // Where no node sends mail nobody would take the job up, and it would be due for ever.
            await _outbox.RenewAsync(cancellation);
            await _jobs.EnqueueAsync(MailPresence.JobName, "", cancellation);
        }

        if (await _directory.CountReconcilingAsync(cancellation) > 0)
        {
            await _jobs.EnqueueAsync(Reconciliation.JobName, "", cancellation);
        }

        await _admissions.StartAsync(cancellation);
        _runner.Start();
        _statusFiles?.Start();
    }

    /// <summary>Fills empty databases from what lies on the pod, one account after the other. Nothing on the pod is lost or deleted by it.</summary>
    /// <param name="progress">Hears how many objects were taken in.</param>
    /// <param name="cancellation">Ends it; what is half done must be begun anew.</param>
    public IAsyncEnumerable<RebuiltAccount> RebuildAsync(Action<long> progress, CancellationToken cancellation) => _rebuild.RunAsync(progress, cancellation);

    /// <summary>The small files in a self-backup (the latest if <paramref name="number"/> is null): keys, configuration.</summary>
    public Task<IReadOnlyList<(string Name, byte[] Content)>> ReadSelfBackupFilesAsync(SelfBackupKey key, uint? number, CancellationToken cancellation) => _selfRestore.FilesAsync(key, number, cancellation);

    /// <summary>Fills empty databases from a self-backup (the latest if <paramref name="number"/> is null), and from the pod each account's log and keyrings; the rest is compared once the service runs.</summary>
    public Task<SelfRestored> RestoreSelfAsync(SelfBackupKey key, uint? number, Action<string> trouble, Action<long> progress, CancellationToken cancellation) => _selfRestore.RunAsync(key, number, trouble, progress, cancellation);

    /// <summary>Gives back what this node works on.</summary>
    public Task StopJobsAsync() => Task.WhenAll(_runner.StopAsync(), _admissions.StopAsync(), _statusFiles?.StopAsync() ?? Task.CompletedTask);

    public async ValueTask DisposeAsync()
    {
        await (_statusFiles?.DisposeAsync() ?? ValueTask.CompletedTask);
        await _runner.DisposeAsync();
        await _admissions.DisposeAsync();
        _credentials.Dispose();
        _backupSteps.Dispose();
        _accountMetrics.Dispose();
        _cards?.Dispose();
        foreach (var database in _databases)
        {
            await database.DisposeAsync();
        }
    }
}
