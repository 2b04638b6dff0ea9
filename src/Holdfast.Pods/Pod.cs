using Holdfast.Pods.Drives;
using Holdfast.Pods.Serving;
using Holdfast.Pods.Storing;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Pods;

/// <summary>A pod: receive → inspect → store durably → receipt; and read, verified, for who holds a grant.</summary>
public sealed class Pod : IDisposable
{
    /// <summary>How long a condemned object stays readable for those who still know its address.</summary>
    public static readonly TimeSpan CondemnGrace = TimeSpan.FromHours(24);

    private readonly DriveStore _drive;
    private readonly PodEndpoints _endpoints;

    /// <summary>Opens the drive at <paramref name="root"/>; a directory that is no drive is refused.</summary>
    public Pod(string root, PodKeys keys, TimeProvider time)
    {
        _drive = DriveStore.Open(root, time, CondemnGrace);
        _endpoints = new PodEndpoints(_drive, keys, time);
    }

    public IPackStore Store => _drive;

    public void Map(IEndpointRouteBuilder routes) => _endpoints.Map(routes);

    public void Dispose()
    {
        _endpoints.Dispose();
        _drive.Dispose();
    }
}
