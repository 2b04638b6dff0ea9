using System.Net;
using Holdfast.Protocol.Messages;
using Polly;
using Polly.Retry;

namespace Holdfast.Client.Connecting;

/// <summary>Tries requests again that met a passing trouble: with longer and longer pauses, or when the service says, and within the budget.</summary>
internal static class Retries
{
    public const int AttemptsMax = 5;

    /// <summary>For a service that is known to be there: about a minute.</summary>
    public const int PatientAttemptsMax = 10;

    /// <summary>Who waits for more than some seconds is told so.</summary>
    private const int AttemptsUnseen = 4;

    private static readonly TimeSpan _pauseMax = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan _retryAfterMax = TimeSpan.FromMinutes(1);

    /// <param name="attempts">How often a request is made at most.</param>
    /// <param name="budget">What all requests of the client may spend on being made again.</param>
    /// <param name="waits">Called when a request is not answered for some seconds.</param>
    /// <param name="time">Clock of the pauses.</param>
    public static ResiliencePipeline<HttpResponseMessage> Build(Func<int> attempts, RetryBudget budget, Action waits, TimeProvider time)
    {
        var isPassing = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>().Handle<IOException>().Handle<TimeoutException>().HandleResult(IsPassing).Build();
        return new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = arguments =>
            {
                if (arguments.AttemptNumber == 0)
                {
                    budget.Request();
                }

                // Who comes when it was told to is no burden that the service did not choose.
                return ValueTask.FromResult(arguments.AttemptNumber < attempts() - 1 && isPassing(arguments.Outcome) && (WaitToldBy(arguments.Outcome.Result) is not null || budget.TrySpend()));
            },
            MaxRetryAttempts = PatientAttemptsMax,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(400),
            MaxDelay = _pauseMax,
            DelayGenerator = arguments => ValueTask.FromResult(WaitToldBy(arguments.Outcome.Result)),
            OnRetry = arguments =>
            {
                if (arguments.AttemptNumber == AttemptsUnseen - 1)
                {
                    waits();
                }

                return ValueTask.CompletedTask;
            },
        }).Build();
    }

    /// <summary>When the service wants the request again, as a pod with too much to do; null if it does not say.</summary>
    private static TimeSpan? WaitToldBy(HttpResponseMessage? response) =>
        response is { StatusCode: HttpStatusCode.TooManyRequests, Headers.RetryAfter.Delta: { } wait } && wait < _retryAfterMax ? wait : null;

    /// <summary>A turn says when to come: before that it is refused again.</summary>
    private static bool IsPassing(HttpResponseMessage response) =>
        !response.Headers.Contains(BackupTurn.Header) && response.StatusCode is HttpStatusCode.BadGateway or HttpStatusCode.ServiceUnavailable or HttpStatusCode.GatewayTimeout or HttpStatusCode.TooManyRequests;
}
