using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Billing;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Billing;

/// <summary>When the service was not there: what credits are computed from.</summary>
internal sealed class Outages(IDatabase directory, TimeProvider time)
{
    private const int ReasonLengthMax = 500;

    private static readonly TimeSpan _longest = TimeSpan.FromDays(92);

    public Task<OutageSummary> AddAsync(RecordOutage asked, string recordedBy, CancellationToken cancellation)
    {
        var outage = Check(asked, recordedBy);
        return directory.WriteAsync(async transaction =>
        {
            await AddAsync(transaction, outage);
            return outage;
        }, cancellation);
    }

    /// <summary>Records one with what else the transaction does.</summary>
    public static Task AddAsync(DatabaseTransaction transaction, OutageSummary outage) => transaction.ExecuteAsync(
        "INSERT INTO outages (outage_id, from_at, until_at, reason, recorded_by) VALUES (@id, @from, @until, @reason, @recordedBy)", new { outage.Id, outage.From, outage.Until, outage.Reason, outage.RecordedBy });

    /// <summary>One that can be recorded, or the failure invalid_request.</summary>
    public OutageSummary Check(RecordOutage asked, string recordedBy)
    {
        var now = time.GetUtcNow();
        if (asked.From < 0 || asked.Until <= asked.From || asked.Until > now.ToUnixTimeSeconds() || asked.Until - asked.From > _longest.TotalSeconds)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An outage ends behind its beginning, lies in the past, and is no longer than {_longest.TotalDays} days: a longer one is recorded in parts.");
        }

        if (asked.Reason.Length is 0 or > ReasonLengthMax || asked.Reason.Any(char.IsControl))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"Why the service was not there is one line of up to {ReasonLengthMax} characters.");
        }

        return new OutageSummary(Guid.CreateVersion7(now).ToString(), asked.From, asked.Until, asked.Reason, recordedBy);
    }

    /// <summary>Takes back one that was recorded wrongly; what was given for it is not taken back.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM outages WHERE outage_id = @id", new { id }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no outage '{id}'.");
        }
    }

    /// <summary>The latest recorded first.</summary>
    public Task<Page<OutageSummary>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<(string Id, long From, long Until, string Reason, string RecordedBy)>(
            "SELECT outage_id, from_at, until_at, reason, recorded_by FROM outages WHERE outage_id < @before ORDER BY outage_id DESC LIMIT @rows", new { before = paging.After ?? "~", rows = paging.Rows }))
            .Select(row => new OutageSummary(row.Id, row.From, row.Until, row.Reason, row.RecordedBy))], outage => outage.Id), cancellation);

    /// <summary>Those of a time, or of a part of it.</summary>
    public Task<IReadOnlyList<OutageSummary>> BetweenAsync(long from, long until, CancellationToken cancellation) => directory.AskAsync<IReadOnlyList<OutageSummary>>(async transaction =>
        [.. (await transaction.QueryAsync<(string Id, long From, long Until, string Reason, string RecordedBy)>(
            "SELECT outage_id, from_at, until_at, reason, recorded_by FROM outages WHERE until_at > @from AND from_at < @until ORDER BY from_at", new { from, until }))
            .Select(row => new OutageSummary(row.Id, row.From, row.Until, row.Reason, row.RecordedBy))], cancellation);

    /// <summary>Those that ended behind a moment.</summary>
    public Task<IReadOnlyList<Outage>> SinceAsync(long from, CancellationToken cancellation) => directory.AskAsync<IReadOnlyList<Outage>>(async transaction =>
        [.. (await transaction.QueryAsync<(long From, long Until)>("SELECT from_at, until_at FROM outages WHERE until_at > @from ORDER BY until_at", new { from })).Select(row => new Outage(row.From, row.Until))], cancellation);
}
