using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.Notifying;
using Holdfast.Authority.Placing;
using Holdfast.Documents.Letters;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>Looking into a managed account, in a session that stands in the audit log: the restorer opens it and answers, the authority passes on.</summary>
internal sealed class Browsing(IDatabase directory, OwnerMail owners, Restorers restorers, PodClient pod, HttpClient http, TimeProvider time)
{
    private static readonly TimeSpan _life = TimeSpan.FromHours(1);
    private static readonly TimeSpan _passLife = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(2);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task<BrowsingOpened> OpenAsync(AccountPlace place, Caller caller, CancellationToken cancellation)
    {
        await restorers.ForAsync(place, cancellation);
        if (await directory.AskAsync(transaction => transaction.FindAsync<(string? Session, long ExpiresAt)>(
            "SELECT session_id, expires_at FROM browsing_sessions WHERE account_id = @key AND person = @person AND expires_at > @soon ORDER BY expires_at DESC LIMIT 1",
            new { key = place.Account.ToArray(), person = caller.Name, soon = Now + (long)(_life / 2).TotalSeconds }), cancellation) is ({ } session, var expiresAt))
        {
            // Theirs is open: owners hear of it once.
            return new BrowsingOpened(session, expiresAt);
        }

        var opened = new BrowsingOpened(Guid.NewGuid().ToString("N"), Now + (long)_life.TotalSeconds);
        await directory.WriteAsync(async transaction =>
        {
            var key = place.Account.ToArray();
            await transaction.ExecuteAsync("INSERT INTO browsing_sessions (session_id, account_id, person, expires_at) VALUES (@session, @key, @person, @expiresAt)", new { opened.Session, key, person = caller.Name, opened.ExpiresAt });
            await owners.TellAsync(transaction, key, Letter.Of(Outbox.Language, "account_opened", place.Name, caller.Name, $"{time.GetUtcNow():yyyy-MM-dd HH:mm}"));
            return 0;
        }, cancellation);
        return opened;
    }

    /// <summary>Asks a restorer, for whoever opened the session; one that is over, or another's, is the failure not_found.</summary>
    public async Task<T> AskAsync<T>(AccountPlace place, Caller caller, string session, string question, JsonTypeInfo<T> type, CancellationToken cancellation)
    {
        if (await directory.AskAsync(transaction => transaction.FindAsync<string>("SELECT session_id FROM browsing_sessions WHERE session_id = @session AND account_id = @key AND person = @person AND expires_at > @now",
            new { session, key = place.Account.ToArray(), person = caller.Name, Now }), cancellation) is null)
        {
            throw new HoldfastException(FailureTable.NotFound, "There is no such session, or it is over: open another.");
        }

        var restorer = await restorers.ForAsync(place, cancellation);
        var pass = pod.SignPass(new RestorerPass(PassPurpose.Browse, new Guid(place.Account.ToArray()), time.GetUtcNow() + _passLife));
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{restorer.Url}/v1/browse/{question}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Pass", pass);
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(_patience);
        try
        {
            using var response = await http.SendAsync(request, limit.Token);
            if (response.IsSuccessStatusCode)
            {
                return await response.Content.ReadFromJsonAsync(type, limit.Token) ?? throw new JsonException("nothing");
            }

            var problem = await response.Content.ReadFromJsonAsync(MessageJson.Default.Problem, limit.Token);
            throw problem is not null && FailureTable.All.TryGetValue(problem.Code ?? "", out var kind)
                ? new HoldfastException(kind, problem.Detail) : new HoldfastException(FailureTable.ServiceUnavailable, $"The restorer answered {(int)response.StatusCode}.");
        }
        catch (Exception exception) when (exception is HttpRequestException or JsonException or IOException || (exception is OperationCanceledException && !cancellation.IsCancellationRequested))
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The restorer '{restorer.Name}' cannot be reached.", exception);
        }
    }
}
