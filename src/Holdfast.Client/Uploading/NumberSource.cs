using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Uploading;

/// <summary>Numbers to write under, with their grants; hands in receipts when it asks for more. Thread-safe.</summary>
internal sealed class NumberSource(ServiceClient service, SessionOpened session, TimeProvider time) : IDisposable
{
    /// <summary>Older grants are thrown away: they live for six hours, and an upload may take a while.</summary>
    private static readonly TimeSpan _ageMax = TimeSpan.FromHours(4);

    private readonly SemaphoreSlim _gate = new(1);
    private readonly Queue<UploadGrant> _grants = new(session.Grants);
    private DateTimeOffset _granted = time.GetUtcNow();
    private readonly List<byte[]> _forCommit = [];
    private List<byte[]> _receipts = [];

    public long Session => session.Session;

    public string PodUrl => session.PodUrl;

    public async ValueTask<UploadGrant> TakeAsync(CancellationToken cancellation)
    {
        await _gate.WaitAsync(cancellation);
        try
        {
            if (time.GetUtcNow() - _granted > _ageMax)
            {
                _grants.Clear();
            }

            if (_grants.Count == 0)
            {
                _granted = time.GetUtcNow();
                foreach (var grant in (await service.ExtendSessionAsync(Session, new AskGrants(TakeReceipts()), cancellation)).Grants)
                {
                    _grants.Enqueue(grant);
                }
            }

            return _grants.TryDequeue(out var next) ? next : throw new HoldfastException(FailureTable.Internal, "The service gave no numbers to write under.");
        }
        finally
        {
            _gate.Release();
        }
    }

    /// <summary>A new permission for a number whose own has run out; null from a service that gives none.</summary>
    public async Task<UploadGrant?> TryRenewAsync(UploadGrant old, CancellationToken cancellation)
    {
        try
        {
            return (await service.ExtendSessionAsync(Session, new AskGrants([], [old.Number]), cancellation)).Grants.FirstOrDefault(grant => grant.Number == old.Number);
        }
        catch (HoldfastException exception) when (exception.Kind == FailureTable.InvalidRequest)
        {
            return null;
        }
    }

    /// <summary>Remembers a receipt to hand in: a pack's at the next chance, what a commit itself names with the commit.</summary>
    public void Add(byte[] receipt, bool isForCommit)
    {
        lock (_gate)
        {
            (isForCommit ? _forCommit : _receipts).Add(receipt);
        }
    }

    /// <summary>Receipts for the commit: segments, map pages, the snapshot, and packs that were not handed in yet.</summary>
    public IReadOnlyList<byte[]> CommitReceipts() => [.. _forCommit, .. TakeReceipts()];

    private List<byte[]> TakeReceipts()
    {
        lock (_gate)
        {
            var taken = _receipts;
            _receipts = [];
            return taken;
        }
    }

    public void Dispose() => _gate.Dispose();
}
