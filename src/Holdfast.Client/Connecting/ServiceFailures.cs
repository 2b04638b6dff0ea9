using Holdfast.Protocol.Failures;

namespace Holdfast.Client.Connecting;

internal static class ServiceFailures
{
    /// <summary>Turns what the network says into a failure that says what to do.</summary>
    public static async ValueTask<T> AsServiceFailure<T>(this ValueTask<T> request)
    {
        try
        {
            return await request;
        }
        catch (HttpRequestException exception)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The service cannot be reached: {exception.Message}", exception);
        }
        catch (TimeoutException exception)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, "The service did not answer in time.", exception);
        }
        catch (IOException exception)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"The connection to the service broke: {exception.Message}", exception);
        }
    }
}
