using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Notifying;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Incidents;

/// <summary>Incidents and what was said of them. What the service measured itself it opens and closes itself; operators say the rest.</summary>
internal sealed class IncidentTable(IDatabase directory, Webhooks webhooks, TimeProvider time)
{
    public const string Degraded = "degraded";
    public const string Outage = "outage";

    /// <summary>Who opens what probes measured.</summary>
    public const string Service = "the service";

    private const string Columns = "incident_id AS Id, title, components, impact, opened_by AS OpenedBy, began_at AS BeganAt, opened_at AS OpenedAt, closed_at AS ClosedAt, apology";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Opens one.</summary>
    public Task<IncidentRow> OpenAsync(OpenIncident asked, string by, CancellationToken cancellation) => directory.WriteAsync(transaction =>
        AddAsync(transaction, asked.Title, asked.Components, asked.Impact, by, null, asked.Since ?? Now, null, asked.Message is { } message ? [(message, true)] : []), cancellation);

    /// <summary>Opens one for a component whose probes fail, unless that is known; what is behind it is for operators.</summary>
    public async Task OpenMeasuredAsync(DatabaseTransaction transaction, string component, long began, string failure)
    {
        if (await transaction.FindAsync<long>("SELECT count(*) FROM incidents WHERE closed_at IS NULL AND measured = @component", new { component }) == 0)
        {
            await AddAsync(transaction, $"{NameOf(component)} did not work", [component], Outage, Service, component, began, null, [("The service's own probe found this. Operators are told.", true), ($"The probe of {component} fails: {failure}", false)]);
        }
    }

    /// <summary>Closes what was opened so.</summary>
    public async Task CloseMeasuredAsync(DatabaseTransaction transaction, string component, long at)
    {
        foreach (var id in await transaction.QueryAsync<string>("SELECT incident_id FROM incidents WHERE closed_at IS NULL AND measured = @component", new { component }))
        {
            await CloseAsync(transaction, id, "The service's own probe works again.", at);
        }
    }

    /// <summary>Nobody was there to try anything: it is known only now that it is over.</summary>
    public Task AddGapAsync(DatabaseTransaction transaction, long from, long until) =>
        AddAsync(transaction, "The service was not there", ServiceComponents.All, Outage, Service, null, from, until, [("Nothing was measured in this time: the service did not run.", true)]);

    /// <summary>Says more of one that is open, or was.</summary>
    /// <returns>False if there is none.</returns>
    public Task<bool> UpdateAsync(string id, string message, bool isPublic, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        if (await transaction.ExecuteAsync("UPDATE incidents SET title = title WHERE incident_id = @id", new { id }) == 0)
        {
            return false;
        }

        await AddEventAsync(transaction, id, message, isPublic);
        if (isPublic)
        {
            await TellAsync(transaction, id, "updated");
        }

        return true;
    }, cancellation);

    /// <summary>Closes one that is open.</summary>
    /// <returns>False if it is not.</returns>
    /// <param name="id">The incident.</param>
    /// <param name="message">What it was.</param>
    /// <param name="at">When it was over.</param>
    /// <param name="alongAsync">What is done with it, if it is closed by this.</param>
    /// <param name="cancellation">Ends waiting.</param>
    public Task<bool> CloseAsync(string id, string? message, long at, Func<DatabaseTransaction, Task> alongAsync, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        // The probe's row first, as the probe itself locks them. What fails still is another incident from here on.
        await transaction.ExecuteAsync("UPDATE probes SET failing_since = CASE WHEN failing_since < @at THEN @at ELSE failing_since END WHERE component = (SELECT measured FROM incidents WHERE incident_id = @id)", new { id, at });
        if (!await CloseAsync(transaction, id, message, at))
        {
            return false;
        }

        await alongAsync(transaction);
        return true;
    }, cancellation);

    /// <summary>Keeps what the operator says to those who were affected.</summary>
    public Task ApologiseAsync(string id, string apology, CancellationToken cancellation) => directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE incidents SET apology = @apology WHERE incident_id = @id", new { id, apology }), cancellation);

    public Task<(IncidentRow Incident, IReadOnlyList<ServiceEvent> Events)?> FindAsync(string id, CancellationToken cancellation) => directory.ReadAsync<(IncidentRow, IReadOnlyList<ServiceEvent>)?>(async transaction =>
    {
        var row = id == "latest" ? await transaction.FindAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE incident_id < '~' ORDER BY incident_id DESC LIMIT 1")
            : await transaction.FindAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE incident_id = @id", new { id });
        return row is null ? null : (row, await EventsAsync(transaction, row.Id));
    }, cancellation);

    /// <summary>The latest first.</summary>
    public Task<IncidentList> ListAsync(Paging paging, CancellationToken cancellation) => directory.ReadAsync(async transaction =>
    {
        var page = paging.Cut(await transaction.QueryAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE incident_id < @before ORDER BY incident_id DESC LIMIT @rows", new { before = paging.After ?? "~", rows = paging.Rows }), row => row.Id);
        var incidents = new List<IncidentStatus>();
        foreach (var row in page.Items)
        {
            incidents.Add(row.StatusOf(await EventsAsync(transaction, row.Id)));
        }

        return new IncidentList(incidents, page.Next);
    }, cancellation);

    /// <summary>Those that are open, and those that began since a moment, the latest first; not more than <paramref name="most"/>.</summary>
    public static async Task<IReadOnlyList<IncidentStatus>> SinceAsync(DatabaseTransaction transaction, long since, int most)
    {
        var rows = (await transaction.QueryAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE closed_at IS NULL ORDER BY incident_id DESC LIMIT @most", new { most }))
            .Concat(await transaction.QueryAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE began_at >= @since AND closed_at IS NOT NULL ORDER BY began_at DESC LIMIT @most", new { since, most }));
        var all = new List<IncidentStatus>();
        foreach (var row in rows.OrderByDescending(row => row.BeganAt).ThenByDescending(row => row.Id, StringComparer.Ordinal))
        {
            all.Add(row.StatusOf(await EventsAsync(transaction, row.Id)));
        }

        return all;
    }

    /// <summary>Those that are open: what each is about.</summary>
    public Task<IReadOnlyList<IncidentRow>> OpenAsync(CancellationToken cancellation) => directory.AskAsync(transaction => transaction.QueryAsync<IncidentRow>($"SELECT {Columns} FROM incidents WHERE closed_at IS NULL ORDER BY incident_id"), cancellation);

    private async Task<IncidentRow> AddAsync(DatabaseTransaction transaction, string title, IReadOnlyList<string> components, string impact, string by, string? measured, long began, long? closed, IReadOnlyList<(string Message, bool IsPublic)> messages)
    {
        var row = new IncidentRow { Id = Guid.CreateVersion7(time.GetUtcNow()).ToString(), Title = title, Components = string.Join(',', components), Impact = impact, OpenedBy = by, BeganAt = began, OpenedAt = Now, ClosedAt = closed };
        await transaction.ExecuteAsync("INSERT INTO incidents (incident_id, title, components, impact, opened_by, measured, began_at, opened_at, closed_at) VALUES (@id, @title, @components, @impact, @openedBy, @measured, @beganAt, @openedAt, @closedAt)",
            new { row.Id, row.Title, row.Components, row.Impact, row.OpenedBy, measured, row.BeganAt, row.OpenedAt, row.ClosedAt });
        foreach (var (message, isPublic) in messages)
        {
            await AddEventAsync(transaction, row.Id, message, isPublic);
        }

        await TellAsync(transaction, row.Id, closed is null ? "opened" : "closed");
        return row;
    }

    private async Task<bool> CloseAsync(DatabaseTransaction transaction, string id, string? message, long at)
    {
        if (await transaction.ExecuteAsync("UPDATE incidents SET closed_at = CASE WHEN began_at > @at THEN began_at ELSE @at END WHERE incident_id = @id AND closed_at IS NULL", new { id, at }) == 0)
        {
            return false;
        }

        await AddEventAsync(transaction, id, message ?? "It is over.", isPublic: true);
        await TellAsync(transaction, id, "closed");
        return true;
    }

    private Task<int> AddEventAsync(DatabaseTransaction transaction, string id, string what, bool isPublic) => transaction.ExecuteAsync(
        "INSERT INTO incident_events (incident_id, number, at, event, is_public) SELECT @id, coalesce(max(number), 0) + 1, @now, @what, @isPublic FROM incident_events WHERE incident_id = @id", new { id, Now, what, isPublic = isPublic ? 1L : 0L });

    private async Task TellAsync(DatabaseTransaction transaction, string id, string what)
    {
        var (title, components, impact) = await transaction.FindAsync<(string, string, string)>("SELECT title, components, impact FROM incidents WHERE incident_id = @id", new { id });
        await webhooks.TellAsync(transaction, WebhookTopics.IncidentChanged, null, new Dictionary<string, string> { ["incident"] = id, ["what"] = what, ["title"] = title, ["components"] = components, ["impact"] = impact });
    }

    private static async Task<IReadOnlyList<ServiceEvent>> EventsAsync(DatabaseTransaction transaction, string id) =>
        [.. (await transaction.QueryAsync<(long At, string Event, long IsPublic)>("SELECT at, event, is_public FROM incident_events WHERE incident_id = @id ORDER BY number", new { id })).Select(row => new ServiceEvent(row.At, row.Event, row.IsPublic != 0))];

    private static string NameOf(string component) => component switch
    {
        ServiceComponents.Backups => "Backups",
        ServiceComponents.Restores => "Restores",
        _ => "Signing in",
    };
}

/// <summary>An incident's row.</summary>
internal sealed record IncidentRow
{
    public string Id { get; init; } = "";

    public string Title { get; init; } = "";

    public string Components { get; init; } = "";

    public string Impact { get; init; } = "";

    public string OpenedBy { get; init; } = "";

    public long BeganAt { get; init; }

    public long OpenedAt { get; init; }

    public long? ClosedAt { get; init; }

    public string? Apology { get; init; }

    public IncidentStatus StatusOf(IReadOnlyList<ServiceEvent> events) => new(Id, Title, Components.Split(','), Impact, OpenedBy, BeganAt, OpenedAt, ClosedAt, events);
}
