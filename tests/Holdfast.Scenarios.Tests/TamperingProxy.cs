using System.Collections.Concurrent;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Scenarios.Tests;

/// <summary>A server that lies: it passes requests on to the real service and changes the answers as a test says.</summary>
internal sealed class TamperingProxy : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http = new();
    private readonly string _service;
    private int _puts;
    private int _inFlight;

    private TamperingProxy(string service)
    {
        _service = service;
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseUrls("http://127.0.0.1:0").ConfigureKestrel(options => options.Limits.MaxRequestBodySize = null);
        builder.Logging.ClearProviders();
        _app = builder.Build();
        _app.Run(ForwardAsync);
    }

    public string Url => _app.Urls.First();

    /// <summary>Objects that clients sent through since this was last set to zero.</summary>
    public int Puts => _puts;

    /// <summary>Objects that the service took in and gave a receipt for, in order; their bodies, if <see cref="KeepsBodies"/>.</summary>
    public ConcurrentQueue<byte[]> Received { get; } = new();

    public bool KeepsBodies { get; set; }

    /// <summary>Requests that are being passed on.</summary>
    public int InFlight => _inFlight;

    /// <summary>True for a path whose answers are lost: the service has done what was asked, and the client never hears of it.</summary>
    public Func<string, bool>? Loses { get; set; }

    /// <summary>Changes an answer: path, body → body. Null passes everything on.</summary>
    public Func<string, byte[], byte[]>? Tamper { get; set; }

    /// <summary>Answers as they were, by path, for replays.</summary>
    public ConcurrentDictionary<string, byte[]> Seen { get; } = new();

    public static async Task<TamperingProxy> StartAsync(string service, CancellationToken cancellation)
    {
        var proxy = new TamperingProxy(service);
        await proxy._app.StartAsync(cancellation);
        return proxy;
    }

    public void Reset() => _puts = 0;

    public async ValueTask DisposeAsync()
    {
        await _app.DisposeAsync();
        _http.Dispose();
    }

    private async Task ForwardAsync(HttpContext context)
    {
        Interlocked.Increment(ref _inFlight);
        try
        {
            await PassOnAsync(context);
        }
        finally
        {
            Interlocked.Decrement(ref _inFlight);
        }
    }

    private async Task PassOnAsync(HttpContext context)
    {
        var path = context.Request.Path.Value!;
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), _service + path + context.Request.QueryString);
        var body = new MemoryStream();
        await context.Request.Body.CopyToAsync(body, context.RequestAborted);
        if (body.Length > 0)
        {
            request.Content = new ByteArrayContent(body.ToArray());
            request.Content.Headers.TryAddWithoutValidation("Content-Type", context.Request.ContentType);
        }

        // It stands between, and hides that it does.
        request.Headers.Host = context.Request.Host.Value;
        foreach (var name in new[] { "Authorization", "Range", "Idempotency-Key", "If-Match", "If-None-Match" })
        {
            if (context.Request.Headers.TryGetValue(name, out var value))
            {
                request.Headers.TryAddWithoutValidation(name, value.ToString());
            }
        }

        if (context.Request.Method == "PUT")
        {
            Interlocked.Increment(ref _puts);
        }

        // What was handed over is done, whether the client still waits or not.
        using var response = await _http.SendAsync(request, CancellationToken.None);
        var answer = await response.Content.ReadAsByteArrayAsync(CancellationToken.None);
        if (response.Content.Headers.ContentType?.MediaType?.Contains("json", StringComparison.Ordinal) == true)
        {
            answer = Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(answer).Replace(_service, Url, StringComparison.Ordinal));
        }

        if (response.IsSuccessStatusCode && KeepsBodies && context.Request.Method == "PUT")
        {
            Received.Enqueue(body.ToArray());
        }

        if (response.IsSuccessStatusCode && Loses?.Invoke(path) == true)
        {
            context.Abort();
            return;
        }

        if (response.IsSuccessStatusCode)
        {
            Seen[path] = answer;
            answer = Tamper?.Invoke(path, answer) ?? answer;
        }

        context.Response.StatusCode = (int)response.StatusCode;
        context.Response.ContentType = response.Content.Headers.ContentType?.ToString();
        await context.Response.Body.WriteAsync(answer, context.RequestAborted);
    }
}
