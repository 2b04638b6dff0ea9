using System.Net;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>One process with authority, pod or both: opens the data folder, serves, says when it is ready, and drains on SIGTERM.</summary>
internal static class Service
{
    /// <summary>What uploads in flight get to finish in after SIGTERM.</summary>
    public static readonly TimeSpan DrainTimeout = TimeSpan.FromSeconds(30);

    public static async Task<int> RunAsync(string dataRoot, Roles roles, string listen, string? publicUrl, CancellationToken cancellation)
    {
        RefusePlaintextOffLoopback(listen);
        if (publicUrl is not null)
        {
            RefusePlaintextOffLoopback(publicUrl);
        }

        if (roles == Roles.Both && publicUrl is null && Parts.IsEveryAddress(new Uri(listen).Host))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{listen} is every address of this machine: say with --url under which one clients reach it.");
        }

        using var data = DataFolder.Open(dataRoot, roles);
        if (data.IsRebuilding)
        {
            throw new HoldfastException(FailureTable.Conflict, $"{data.Root} is being rebuilt, and that has not ended: run `holdfastd rebuild --data {data.Root}` (or `restore-self`) again (or, if you have put databases of your own here, remove the file `rebuilding`).");
        }

        await using var parts = await Parts.OpenAsync(data, roles, listen, publicUrl, cancellation);
        await (parts.Authority?.CheckWholeAsync(cancellation) ?? Task.CompletedTask);
        var isReady = false;
        parts.Web.UseForwardedHeaders();
        parts.Web.UseMiddleware<Problems>(TimeProvider.System);
        Watching.Map(parts.Web, (await File.ReadAllTextAsync(DataFolder.MetricsTokenFile(data.Root), cancellation)).Trim(), parts.Authority);
        parts.Web.MapOpenApi();
        parts.Web.MapGet("/healthz", () => "ok").ExcludeFromDescription();
        parts.Web.MapGet("/readyz", (CancellationToken token) => CheckReadyAsync(isReady, parts.Authority, token)).ExcludeFromDescription();
        parts.Pod?.Map(parts.Web);
        if (parts.Authority is { } mapped)
        {
            mapped.Map(parts.Web);
            parts.MapConsole(publicUrl);
            IdentityProviders.Map(parts.Web, data.Configuration.ProvidersOf(data.Root), mapped);
        }

        await parts.Web.StartAsync(cancellation);
        if (parts.Authority is { } authority)
        {
            await authority.RecoverAsync(trouble => Console.Error.WriteLine($"holdfastd: could not put everything on the pod yet: {trouble}"), cancellation);
            await authority.StartJobsAsync(cancellation);
        }

        isReady = true;
        DataFolder.WritePrivate(DataFolder.ReadyFile(data.Root), parts.BoundUrl() + "\n");
        Console.WriteLine($"holdfastd {Product.Version} serves {parts.BoundUrl()} from {data.Root}; {parts.Pod?.Code ?? $"its pod is {data.TryReadLink()!.Url}"}.");
        await ToldToStopAsync(parts.Web.Lifetime.ApplicationStopping, cancellation);

        // Jobs are given back at once, and no other is begun; requests get their time.
        isReady = false;
        await Task.WhenAll(parts.Authority?.StopJobsAsync() ?? Task.CompletedTask, parts.Web.StopAsync(CancellationToken.None));
        return ExitCode.Ok;
    }

    private static async Task ToldToStopAsync(params CancellationToken[] signals)
    {
        var told = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var registrations = signals.Select(signal => signal.UnsafeRegister(_ => told.TrySetResult(), null)).ToList();
        await told.Task;
        foreach (var registration in registrations)
        {
            await registration.DisposeAsync();
        }
    }

    /// <summary>Fills the databases from the pod, once <see cref="DataFolder.BeginRebuild"/> was called. It is served to this process alone meanwhile: no customer is let in before everything is back.</summary>
    public static async Task<T> FillAsync<T>(DataFolder data, Func<Authority.Authority, Task<T>> fill, CancellationToken cancellation)
    {
        await using var parts = await Parts.OpenAsync(data, data.TryReadLink() is null ? Roles.Both : Roles.AuthorityAlone, "http://127.0.0.1:0", null, cancellation);
        parts.Web.UseMiddleware<Problems>(TimeProvider.System);
        parts.Pod?.Map(parts.Web);
        await parts.Web.StartAsync(cancellation);
        var result = await fill(parts.Authority!);
        await parts.Web.StopAsync(cancellation);
        return result;
    }

    /// <summary>Ready is who has recovered, can read its databases, and is not shutting down.</summary>
    private static async Task<string> CheckReadyAsync(bool isReady, Authority.Authority? authority, CancellationToken cancellation)
    {
        if (!isReady)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "The service is starting or stopping.");
        }

        if (authority is not null)
        {
            await authority.CheckReadyAsync(cancellation);
        }

        return "ok";
    }

    public static void RefusePlaintextOffLoopback(string listen)
    {
        if (listen.Contains(';', StringComparison.Ordinal) || !Uri.TryCreate(listen, UriKind.Absolute, out var address))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"'{listen}' is not an address such as http://127.0.0.1:8750.");
        }

        var isLoopback = address.Host == "localhost" || (IPAddress.TryParse(address.Host.Trim('[', ']'), out var ip) && IPAddress.IsLoopback(ip));
        if (address.Scheme == Uri.UriSchemeHttp && !isLoopback)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{listen} would send tokens in the clear: use https, or listen on the loopback behind a proxy.");
        }
    }
}
