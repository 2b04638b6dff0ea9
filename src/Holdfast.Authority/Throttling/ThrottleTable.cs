using System.Security.Cryptography;
using Holdfast.Admission;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Admitting;
using Holdfast.Authority.Databases;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Throttling;

/// <summary>Limits that operators set, in the directory; every node knows of a change within seconds. Thread-safe.</summary>
internal sealed class ThrottleTable(IDatabase directory, AccountDirectory accounts, LiveNodes nodes, TimeProvider time)
{
    private const int ReasonLengthMax = 200;
    private const int RulesMax = 1000;

    private static readonly TimeSpan _longest = TimeSpan.FromDays(366);
    private static readonly TimeSpan _knownFor = TimeSpan.FromSeconds(5);

    // Null until they were read once.
    private volatile IReadOnlyList<ThrottleRule>? _rules;
    private long _readAt = long.MinValue / 2;
    private int _isReading;

    /// <summary>Those that have not ended.</summary>
    public async ValueTask<IReadOnlyList<ThrottleRule>> RulesAsync(CancellationToken cancellation)
    {
        if (time.GetElapsedTime(_readAt) > _knownFor && (Interlocked.Exchange(ref _isReading, 1) == 0 || _rules is null))
        {
            try
            {
                _rules = [.. (await ReadAsync(cancellation)).Select(row => row.Rule(isStrict: false))];
            }
            catch (HoldfastException exception) when (exception.Kind == FailureTable.ServiceUnavailable && _rules is not null)
            {
                // While the directory is away, what was known goes on to count.
            }
            finally
            {
                _readAt = time.GetTimestamp();
                _isReading = 0;
            }
        }

        return _rules ?? [];
    }

    public async Task<ThrottleList> ListAsync(CancellationToken cancellation)
    {
        var now = time.GetUtcNow();
        var all = new List<Throttle>();
        foreach (var row in await ReadAsync(cancellation))
        {
            all.Add(new Throttle(row.Id, row.Rule(isStrict: false).Applies(now), row.Message(row.Account is { } account ? (await accounts.FindAsync(new AccountId(account), cancellation))?.Name ?? new AccountId(account).ToString() : null)));
        }

        return new ThrottleList(all);
    }

    public async Task<Throttle> AddAsync(AddThrottle asked, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var starts = asked.StartsAt ?? now;
        LimitTerms.Check(asked.Class, asked.BytesPerSecond, asked.AtOnce, asked.From, asked.To, asked.Zone);
        if (asked.IsShared && (asked.Account is not null || asked.BytesPerSecond is null || asked.AtOnce is not null))
        {
            throw LimitTerms.Invalid("What all accounts have together is bytes a second alone, and of no one account.");
        }

        if (asked.EndsAt <= Math.Max(now, starts) || asked.EndsAt - now > _longest.TotalSeconds || starts < 0 || asked.Reason is { Length: > ReasonLengthMax })
        {
            throw LimitTerms.Invalid($"A limit ends after it starts and within a year, and has a reason of at most {ReasonLengthMax} characters.");
        }

        if (asked.Computer is not null && (asked.Account is null || asked.BytesPerSecond is null || asked.AtOnce is not null))
        {
            throw LimitTerms.Invalid("A computer's own limit names its account, and is bytes a second alone.");
        }

        // A node of before would have it be the whole account's.
        if (asked.Computer is not null && await nodes.UnableAsync(_ => true, cancellation) is { Count: > 0 } older)
        {
            throw new HoldfastException(FailureTable.Conflict, $"These nodes are of another version, and know no limits of computers: {string.Join(", ", older)}. Upgrade them first, and the pods.");
        }

        var account = asked.Account is { } name ? (await accounts.PlaceOfAsync(name, cancellation)).Account.ToArray() : null;
        var row = new Row
        {
            Id = Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(4)), Account = account, Computer = asked.Computer, Class = asked.Class, IsShared = asked.IsShared ? 1 : 0, BytesPerSecond = asked.BytesPerSecond, AtOnce = asked.AtOnce,
            FromTime = asked.From, ToTime = asked.To, Zone = asked.Zone, StartsAt = starts, EndsAt = asked.EndsAt, Reason = asked.Reason,
        };
        var rule = row.Rule();
        await directory.WriteAsync(async transaction =>
        {
            if (await transaction.FindAsync<long>("SELECT count(*) FROM throttles WHERE ends_at > @now", new { now }) >= RulesMax)
            {
                throw new HoldfastException(FailureTable.Conflict, $"There are {RulesMax} limits: remove some.");
            }

            return await transaction.ExecuteAsync(
                """
                INSERT INTO throttles (id, account_id, computer, class, is_shared, bytes_per_second, at_once, from_time, to_time, zone, starts_at, ends_at, reason)
                VALUES (@id, @account, @computer, @class, @isShared, @bytesPerSecond, @atOnce, @fromTime, @toTime, @zone, @startsAt, @endsAt, @reason)
                """, row);
        }, cancellation);
        _readAt = long.MinValue / 2;
        return new Throttle(row.Id, rule.Applies(time.GetUtcNow()), row.Message(asked.Account));
    }

    public async Task RemoveAsync(string id, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM throttles WHERE id = @id", new { id }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, $"There is no limit {id}.");
        }

        _readAt = long.MinValue / 2;
    }

    private Task<IReadOnlyList<Row>> ReadAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<Row>(
        """
        SELECT id, account_id AS account, computer, class, is_shared AS IsShared, bytes_per_second AS BytesPerSecond, at_once AS AtOnce, from_time AS FromTime, to_time AS ToTime, zone,
          starts_at AS StartsAt, ends_at AS EndsAt, reason FROM throttles WHERE ends_at > @now ORDER BY starts_at, id
        """, new { now = time.GetUtcNow().ToUnixTimeSeconds() }), cancellation);

    private sealed record Row
    {
        public string Id { get; init; } = "";

        public byte[]? Account { get; init; }

        public long? Computer { get; init; }

        public string Class { get; init; } = "";

        public long IsShared { get; init; }

        public long? BytesPerSecond { get; init; }

        public long? AtOnce { get; init; }

        public string? FromTime { get; init; }

        public string? ToTime { get; init; }

        public string? Zone { get; init; }

        public long StartsAt { get; init; }

        public long EndsAt { get; init; }

        public string? Reason { get; init; }

        /// <param name="isStrict">Whether a time zone that this server does not know is refused; else its hours count as UTC.</param>
        public ThrottleRule Rule(bool isStrict = true) => new()
        {
            Account = Account is null ? null : new AccountId(Account).ToString(), Computer = (uint?)Computer, Class = LimitTerms.ClassOf(Class), IsShared = IsShared != 0, BytesPerSecond = BytesPerSecond, AtOnce = (int?)AtOnce,
            From = LimitTerms.TimeOf(FromTime), To = LimitTerms.TimeOf(ToTime), Zone = LimitTerms.ZoneOf(Zone, isStrict), Starts = DateTimeOffset.FromUnixTimeSeconds(StartsAt), Ends = DateTimeOffset.FromUnixTimeSeconds(EndsAt), Reason = Reason,
        };

        public AddThrottle Message(string? account) => new(Class, EndsAt, account, BytesPerSecond, IsShared != 0, (int?)AtOnce, FromTime, ToTime, Zone, StartsAt, Reason, (uint?)Computer);
    }
}
