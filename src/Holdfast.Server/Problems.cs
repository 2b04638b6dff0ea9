using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Server;

/// <summary>Turns failures into RFC 9457 problem details with stable codes; what nobody foresaw is logged, and its details stay inside.</summary>
internal sealed class Problems(RequestDelegate next, TimeProvider time, ILogger<Problems> logger)
{
    private const int RetryAfterSeconds = 10;
    private const int AttemptsAfterSeconds = 900;

    public async Task InvokeAsync(HttpContext context)
    {
        try
        {
            await next(context);
        }
        catch (HoldfastException exception)
        {
            if (exception.Kind.HttpStatus >= 500)
            {
                logger.LogError(exception, "{Method} {Path}: {Code}", context.Request.Method, context.Request.Path, exception.Kind.Code);
            }

            await AnswerAsync(context, exception.Kind, exception.Message, exception.Missing, exception.Turn);
        }
        catch (BadHttpRequestException exception)
        {
            await AnswerAsync(context, FailureTable.InvalidRequest, exception.Message, []);
        }
        catch (Format.MalformedObjectException exception)
        {
            await AnswerAsync(context, exception.IsNewer ? FailureTable.NewerVersion : FailureTable.InvalidRequest, exception.Message, []);
        }
        catch (OperationCanceledException) when (context.RequestAborted.IsCancellationRequested)
        {
            // The client has gone: nobody reads an answer.
        }
        catch (IOException) when (context.RequestAborted.IsCancellationRequested)
        {
            // Likewise, noticed while reading its body.
        }
#pragma warning disable CA1031 // The edge of the process: whatever it is, the client gets an answer and the log the reason.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            logger.LogError(exception, "{Method} {Path} failed", context.Request.Method, context.Request.Path);
            await AnswerAsync(context, FailureTable.Internal, "The service failed; its log says why.", []);
        }
    }

    private async Task AnswerAsync(HttpContext context, FailureKind kind, string detail, IReadOnlyList<MissingFrame> missing, BackupTurn? turn = null)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        context.Response.Clear();
        context.Response.StatusCode = kind.HttpStatus;
        if (kind.HttpStatus is 503 or 429)
        {
            context.Response.Headers.RetryAfter = (kind == FailureTable.TooManyAttempts ? AttemptsAfterSeconds : RetryAfterSeconds).ToString(System.Globalization.CultureInfo.InvariantCulture);
        }

        if (turn is not null)
        {
            context.Response.Headers.RetryAfter = Math.Max(1, turn.At - time.GetUtcNow().ToUnixTimeSeconds()).ToString(System.Globalization.CultureInfo.InvariantCulture);
            context.Response.Headers[BackupTurn.Header] = turn.Token;
        }

        // What is left of an upload is not read; the connection ends with the answer.
        context.Response.Headers.Connection = context.Request.ContentLength > 0 ? "close" : default;
        await context.Response.WriteAsJsonAsync(
            new Problem($"urn:holdfast:{kind.Code}", kind.Guidance, kind.HttpStatus, detail, kind.Code, missing.Count == 0 ? null : missing, turn),
            MessageJson.Default.Problem, "application/problem+json", context.RequestAborted);
    }
}
