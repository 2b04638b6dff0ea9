using System.Net.Sockets;

namespace Holdfast.Protocol.Failures;

/// <summary>Says of a connection that broke what it says of others: one that is reset behind its opening and before its first use, as by a service that is killed, is a SocketException that HttpClient lets through.</summary>
/// <param name="inner">What connects.</param>
public sealed class BrokenConnections(HttpMessageHandler inner) : DelegatingHandler(inner)
{
    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        try
        {
            return await base.SendAsync(request, cancellationToken);
        }
        catch (SocketException exception)
        {
            throw new HttpRequestException(HttpRequestError.ConnectionError, exception.Message, exception);
        }
    }
}
