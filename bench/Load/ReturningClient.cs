using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.Sockets;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Npgsql;

namespace Holdfast.Bench.Load;

/// <summary>A computer that wants to back up: a session, two objects, and it leaves. Its connection is kept.</summary>
/// <param name="url">The service.</param>
/// <param name="account">Its account.</param>
/// <param name="token">Its token.</param>
/// <param name="store">The account store, where what it stored is given up; null for one that only reads.</param>
internal sealed class ReturningClient(string url, AccountId account, string token, NpgsqlDataSource? store) : IDisposable
{
    private const uint Computer = 1;
    private const int Objects = 2;
    private static readonly TimeSpan _impatience = TimeSpan.FromSeconds(1);

    /// <summary>A loopback's segments are as long as a connection's usual window: its end would wait for a delayed acknowledgement, 70 ms, at every hundredth answer.</summary>
    private const int WindowLength = 1 << 20;

    private readonly HttpClient _http = new(new SocketsHttpHandler { MaxConnectionsPerServer = 1, PooledConnectionIdleTimeout = TimeSpan.FromHours(1), UseProxy = false, ConnectCallback = ConnectAsync }) { BaseAddress = new Uri(url), Timeout = TimeSpan.FromMinutes(5) };
    private string? _turn;

    public AccountId Account => account;

    public string Token => token;

    public void Dispose() => _http.Dispose();

    private static async ValueTask<Stream> ConnectAsync(SocketsHttpConnectionContext context, CancellationToken cancellation)
    {
        var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = WindowLength };
        try
        {
            await socket.ConnectAsync(context.DnsEndPoint, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        }
        catch
        {
            socket.Dispose();
            throw;
        }
    }

    /// <summary>Opens its connection.</summary>
    public async Task<bool> ConnectAsync(CancellationToken cancellation)
    {
        using var answer = await _http.GetAsync("/healthz", cancellation);
        return answer.IsSuccessStatusCode;
    }

    /// <summary>Backs up, when it may; again and again if <paramref name="loops"/>.</summary>
    public async Task BackUpAsync(UploadContent content, Phase phase, bool loops, bool ignoresTurns, CancellationToken cancellation)
    {
        try
        {
            do
            {
                var (opened, problem) = await TryOpenAsync(cancellation, ignoresTurns);
                if (opened is not null)
                {
                    // What has begun is ended, whatever the time: half a backup would be looked for at the next.
                    await UploadAsync(content, opened, phase, CancellationToken.None);
                    phase.Done();
                }
                else if (problem?.Turn is { } turn)
                {
                    phase.Refuse();
                    var wait = DateTimeOffset.FromUnixTimeSeconds(turn.At) - TimeProvider.System.GetUtcNow();
                    await Task.Delay(ignoresTurns ? _impatience : wait > TimeSpan.Zero ? wait : TimeSpan.Zero, cancellation);
                }
                else
                {
                    phase.Fail($"session: {problem?.Code ?? "no problem+json"}: {problem?.Detail}");
                    await Task.Delay(_impatience, cancellation);
                }
            }
            while (loops);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The phase is over.
        }
        catch (HttpRequestException exception)
        {
            phase.Fail(exception.Message);
        }
    }

    /// <summary>Asks for a session, showing the turn that it was told.</summary>
    public async Task<(SessionOpened? Opened, Problem? Problem)> TryOpenAsync(CancellationToken cancellation, bool forgetsTurn = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, $"/v1/accounts/{account}/sessions") { Content = JsonContent.Create(new OpenSession(0), MessageJson.Default.OpenSession) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        if (_turn is not null && !forgetsTurn)
        {
            request.Headers.Add(BackupTurn.Header, _turn);
        }

        using var answer = await _http.SendAsync(request, cancellation);
        if (answer.StatusCode == HttpStatusCode.OK)
        {
            return (await answer.Content.ReadFromJsonAsync(MessageJson.Default.SessionOpened, cancellation), null);
        }

        var problem = answer.Content.Headers.ContentType?.MediaType == "application/problem+json" ? await answer.Content.ReadFromJsonAsync(MessageJson.Default.Problem, cancellation) : null;
        _turn = problem?.Turn?.Token;
        return (null, problem);
    }

    /// <summary>Stores one object; its number, and whether the pod took it.</summary>
    public async Task<bool> PutAsync(UploadContent content, SessionOpened opened, int index, Phase? phase, CancellationToken cancellation)
    {
        var grant = opened.Grants[index];
        using var request = new HttpRequestMessage(HttpMethod.Put, $"{opened.PodUrl}/pod/v1/objects/{new ObjectName(account, ObjectSpace.Numbered, grant.Number)}") { Content = new ByteArrayContent(content.Of(account, Computer, grant.Number)) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Grant", grant.Grant);
        using var answer = await _http.SendAsync(request, cancellation);
        if (answer.IsSuccessStatusCode)
        {
            phase?.Stored(UploadContent.Length);
            return true;
        }

        if (answer.StatusCode != HttpStatusCode.TooManyRequests)
        {
            phase?.Fail($"put: {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}");
        }

        return false;
    }

    /// <summary>Reads from the beginning of an object; why not, if it could not, and what the permission took of the time.</summary>
    public async Task<(string? Failure, TimeSpan Permission)> TryReadAsync(uint number, int length, CancellationToken cancellation)
    {
        var began = Stopwatch.GetTimestamp();
        using var asking = new HttpRequestMessage(HttpMethod.Post, $"/v1/accounts/{account}/reads") { Content = JsonContent.Create(new OpenReads([number], false), MessageJson.Default.OpenReads) };
        asking.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var asked = await _http.SendAsync(asking, cancellation);
        if (!asked.IsSuccessStatusCode)
        {
            return ($"reads: {(int)asked.StatusCode}: {await asked.Content.ReadAsStringAsync(cancellation)}", default);
        }

        var grant = (await asked.Content.ReadFromJsonAsync(MessageJson.Default.ReadsOpened, cancellation))!.Grants.Single();
        var permission = Stopwatch.GetElapsedTime(began);
        using var request = new HttpRequestMessage(HttpMethod.Get, $"{grant.PodUrl}/pod/v1/objects/{new ObjectName(account, ObjectSpace.Numbered, grant.At)}");
        request.Headers.Authorization = new AuthenticationHeaderValue("Grant", grant.Grant);
        request.Headers.Range = new RangeHeaderValue(0, length - 1);
        using var answer = await _http.SendAsync(request, cancellation);
        return (answer.IsSuccessStatusCode && (await answer.Content.ReadAsByteArrayAsync(cancellation)).Length == length ? null : $"object: {(int)answer.StatusCode}", permission);
    }

    private async Task UploadAsync(UploadContent content, SessionOpened opened, Phase phase, CancellationToken cancellation)
    {
        for (var index = 0; index < Objects; index++)
        {
            await PutAsync(content, opened, index, phase, cancellation);
        }

        // As its commit would: otherwise the next session asks the pod for each of its numbers.
        await using (var command = store!.CreateCommand("UPDATE objects SET state = 'condemned', condemned_at = 1 WHERE account_id = $1 AND state = 'granted' AND receipt IS NULL"))
        {
            command.Parameters.Add(new NpgsqlParameter { Value = account.ToArray() });
            await command.ExecuteNonQueryAsync(cancellation);
        }

        using var request = new HttpRequestMessage(HttpMethod.Delete, $"/v1/accounts/{account}/sessions/{opened.Session}") { Content = JsonContent.Create(new Done(), MessageJson.Default.Done) };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        using var answer = await _http.SendAsync(request, cancellation);
        if (!answer.IsSuccessStatusCode)
        {
            phase.Fail($"leave: {(int)answer.StatusCode}: {await answer.Content.ReadAsStringAsync(cancellation)}");
        }
    }
}
