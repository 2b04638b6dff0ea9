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

    /// <summary>Behind its first trouble for so long, a request is not made again, however few attempts that were: where packets are lost, one takes long.</summary>
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(90);

    private static readonly ResiliencePropertyKey<long> _failingSince = new("holdfast.failing-since");

    /// <param name="attempts">How often a request is made at most that met this answer, or none.</param>
    /// <param name="budget">What all requests of the client may spend on being made again.</param>
    /// <param name="waits">Called when nothing answers for some seconds.</param>
    /// <param name="time">Clock of the pauses.</param>
    public static ResiliencePipeline<HttpResponseMessage> Build(Func<HttpResponseMessage?, int> attempts, RetryBudget budget, Action waits, TimeProvider time)
    {
        var isPassing = new PredicateBuilder<HttpResponseMessage>().Handle<HttpRequestException>().Handle<IOException>().Handle<TimeoutException>().HandleResult(IsPassing).Build();
        return new ResiliencePipelineBuilder<HttpResponseMessage> { TimeProvider = time }.AddRetry(new RetryStrategyOptions<HttpResponseMessage>
        {
            ShouldHandle = arguments =>
            {
                if (arguments.AttemptNumber == 0)
                {
                    budget.Request();
                    arguments.Context.Properties.Set(_failingSince, time.GetTimestamp());
                }

                // Who comes when it was told to is no burden that the service did not choose.
                return ValueTask.FromResult(arguments.AttemptNumber < attempts(arguments.Outcome.Result) - 1 && isPassing(arguments.Outcome)
                    && time.GetElapsedTime(arguments.Context.Properties.GetValue(_failingSince, 0)) < _longest && (WaitToldBy(arguments.Outcome.Result) is not null || budget.TrySpend()));
            },
            MaxRetryAttempts = PatientAttemptsMax,
            BackoffType = DelayBackoffType.Exponential,
            UseJitter = true,
            Delay = TimeSpan.FromMilliseconds(400),
            MaxDelay = _pauseMax,
            DelayGenerator = arguments => ValueTask.FromResult(WaitToldBy(arguments.Outcome.Result)),
            OnRetry = arguments =>
            {
                if (arguments.Outcome.Exception is TimeoutException || (arguments.Outcome.Exception is not null && arguments.AttemptNumber == AttemptsUnseen - 1))
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
