using Holdfast.Authority.Callers;

namespace Holdfast.Authority.Status;

/// <summary>The API of how the service is, for anybody.</summary>
internal sealed class StatusEndpoints(StatusReader reader)
{
    public void Map(ApiRoutes api) => api.Get("/status", ApiAction.ReadStatus, "How the service is: components with 90 days of history, maintenance, incidents.", reader.StatusAsync);
}
