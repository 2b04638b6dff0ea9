using Holdfast.Authority.Billing;
using Holdfast.Authority.Jobs;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Measuring;
using Holdfast.Moving;
using Holdfast.Protocol.Messages;

namespace Holdfast.Customers;

/// <summary>What a node has that meters, bills and charges, on a directory and two stores.</summary>
internal sealed class CustomersService : IAsyncDisposable
{
    public const int TaxBasisPoints = 1900;
    public const int DueDays = 14;

    private readonly Dictionary<string, IJobKind> _kinds;
    private readonly ICardProvider _provider;

    private CustomersService(MovingService service, StripeSettings stripe, string node, TimeProvider time)
    {
        Service = service;
        var directory = service.DirectoryDatabase;
        Settings = new BillingSettings(new SellerDetails("Example Backup", "1 Example Street", "XX1", "IBAN XX00"), "HF-", "VAT", TaxBasisPoints, DueDays, Stripe: stripe);
        Jobs = new JobTable(directory, node, time);
        _provider = new StripeCards(stripe, time);
        var mail = new Outbox(directory, new MailSettings("127.0.0.1", 25, "backup@example.org", "none"), time);
        Plans = new PlanTable(directory, time);
        Outages = new Outages(directory, time);
        Customers = new Authority.Billing.Customers(directory, mail);
        Table = new InvoicingTable(directory);
        Invoices = new Invoices(directory, Customers, new Webhooks(directory, service.Directory, time), Settings, time);
        Payments = new Payments(directory, Customers, time);
        Usages = new AccountUsages(service.Directory, service.Store, time);
        Samples = new Samples(directory);
        Invoicing = new Invoicing(directory, Plans, new MonthBills(Plans, service.Store, Outages), Invoices, Table, Outages, Customers, Settings, time);
        Run = new InvoiceRun(directory, service.Directory, Plans, Invoicing, Table, time);
        Cards = new CardPayments(Customers, Payments, Table, _provider, time);
        _kinds = new IJobKind[] { Run, new DunningRun(directory, Customers, Payments, Table, Settings, time), Cards }.ToDictionary(kind => kind.Name);
    }

    public MovingService Service { get; }

    public BillingSettings Settings { get; }

    public JobTable Jobs { get; }

    public PlanTable Plans { get; }

    public Outages Outages { get; }

    public Authority.Billing.Customers Customers { get; }

    public Invoices Invoices { get; }

    public InvoicingTable Table { get; }

    public Payments Payments { get; }

    public AccountUsages Usages { get; }

    public Samples Samples { get; }

    public Invoicing Invoicing { get; }

    public InvoiceRun Run { get; }

    public CardPayments Cards { get; }

    public static async Task<CustomersService> OpenAsync(string directory, string a, string b, StripeSettings stripe, string node, TimeProvider time, CancellationToken cancellation) =>
        new(await MovingService.OpenAsync(directory, a, b, cancellation, time), stripe, node, time);

    /// <summary>Runs the jobs of a day, as runners do: whatever is due, under a lease.</summary>
    /// <returns>Why one failed; null if none did.</returns>
    public async Task<string?> RunJobsAsync(CancellationToken cancellation)
    {
        string? failure = null;
        foreach (var kind in new[] { InvoiceRun.JobName, DunningRun.JobName, CardPayments.JobName })
        {
            await Jobs.HurryAsync(kind, "", cancellation);
            while (await Jobs.ClaimAsync([kind], cancellation) is { } lease)
            {
                try
                {
                    await Jobs.ReturnAsync(lease.Job, (await _kinds[kind].RunAsync(lease, cancellation))!.Value, null, cancellation);
                }
                catch (Protocol.Failures.HoldfastException exception)
                {
                    failure = exception.Message;
                    await Jobs.ReturnAsync(lease.Job, DateTimeOffset.UnixEpoch.AddYears(80), failure, cancellation);
                    break;
                }
            }
        }

        return failure;
    }

    public async ValueTask DisposeAsync()
    {
        _provider.Dispose();
        await Service.DisposeAsync();
    }
}
