using System.Text;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Holdfast.Scenarios.Tests;

/// <summary>What a collector of traces gets.</summary>
public sealed class WatchingTests : Scenario
{
    private readonly TaskCompletionSource<byte[]> _traces = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private WebApplication? _collector;

    private protected override async Task<Service> StartServiceAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        _collector = builder.Build();
        _collector.MapPost("/v1/traces", async (HttpContext context) =>
        {
            using var body = new MemoryStream();
            await context.Request.Body.CopyToAsync(body, context.RequestAborted);
            if (Encoding.UTF8.GetString(body.ToArray()).Contains("/v1/accounts", StringComparison.Ordinal))
            {
                _traces.TrySetResult(body.ToArray());
            }
        });
        await _collector.StartAsync(Cancellation);
        var data = Directory.CreateDirectory(Path.Combine(Root, "service")).FullName;
        await File.WriteAllTextAsync(Path.Combine(data, "holdfastd.json"), JsonSerializer.Serialize(new { traces = _collector.Urls.First() + "/v1/traces" }), Cancellation);
        return await Service.StartAsync(data, Cancellation);
    }

    public override async ValueTask DisposeAsync()
    {
        await _collector!.DisposeAsync();
        await base.DisposeAsync();
    }

    [Fact]
    public async Task Requests_are_traced_to_where_the_configuration_says()
    {
        await Service.NewAccountAsync("one", Cancellation);
        var traces = Encoding.UTF8.GetString(await _traces.Task.WaitAsync(TimeSpan.FromSeconds(60), Cancellation));
        Assert.Contains("holdfastd", traces, StringComparison.Ordinal);
        Assert.Contains("/v1/accounts", traces, StringComparison.Ordinal);
    }
}
