using System.Security.Cryptography;
using System.Text;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Extensions;

namespace Holdfast.Authority.Callers;

/// <summary>A change whose answer was lost can be asked for again under the same Idempotency-Key, and is done once: the first answer comes again, for a day (draft-ietf-httpapi-idempotency-key-header).</summary>
/// <remarks>
/// For people, and for tokens of operators and programs; what computers ask for can be repeated as it is. Answers hold secrets, so they are sealed under the request's own key and token, of which
/// only a hash is kept. A refused request is not kept: it changed nothing, and may be sent again.
/// </remarks>
internal sealed class RepeatedRequests(IDatabase directory, TimeProvider time)
{
    private const string Header = "Idempotency-Key";
    private const int KeyLengthMax = 255;
    private const int TagLength = 16;
    private const int RequestLengthMax = 4 << 20;

    /// <summary>Says that an answer is the first one again.</summary>
    private const string ReplayedHeader = "Idempotency-Replayed";

    private static readonly TimeSpan _underWay = TimeSpan.FromMinutes(1);

    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        var key = context.Request.Headers[Header].ToString();
        if (key.Length == 0 || HttpMethods.IsGet(context.Request.Method) || context.Features.Get<Caller>() is not { Device: null })
        {
            await next(context);
            return;
        }

        if (key.Length > KeyLengthMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"An {Header} has at most {KeyLengthMax} characters.");
        }

        var secret = Encoding.UTF8.GetBytes($"{context.Request.Headers.Authorization}\n{key}");
        var (id, asked) = (HKDF.Expand(HashAlgorithmName.SHA256, SHA256.HashData(secret), 32, "holdfast idempotency id"u8.ToArray()), await HashAsync(context));
        var (isFirst, before) = await BeginAsync(id, asked, context.RequestAborted);
        if (isFirst)
        {
            await RunAsync(context, next, id, secret);
        }
        else
        {
            await RepeatAsync(context, before!, asked, secret);
        }
    }

    /// <summary>Forgets what is older than a day.</summary>
    public static Task<int> TidyAsync(DatabaseTransaction transaction, DateTimeOffset now) =>
        transaction.ExecuteAsync("DELETE FROM idempotency_keys WHERE begun_at < @day", new { day = (now - TimeSpan.FromDays(1)).ToUnixTimeSeconds() });

    private Task<(bool IsFirst, Row? Before)> BeginAsync(byte[] id, byte[] asked, CancellationToken cancellation) => directory.WriteAsync<(bool, Row?)>(async transaction =>
        await transaction.ExecuteAsync("INSERT INTO idempotency_keys (key_id, request_hash, begun_at) VALUES (@id, @asked, @now) ON CONFLICT (key_id) DO NOTHING", new { id, asked, now = time.GetUtcNow().ToUnixTimeSeconds() }) == 1
            ? (true, null)
            : (false, await transaction.FindAsync<Row>("SELECT request_hash AS Asked, begun_at AS BegunAt, status, content_type AS ContentType, answer FROM idempotency_keys WHERE key_id = @id", new { id })), cancellation);

    private async Task RunAsync(HttpContext context, RequestDelegate next, byte[] id, byte[] secret)
    {
        var body = context.Response.Body;
        using var answer = new MemoryStream();
        context.Response.Body = answer;
        var isDone = false;
        try
        {
            await next(context);
            isDone = context.Response.StatusCode < StatusCodes.Status400BadRequest;
        }
        finally
        {
            context.Response.Body = body;
            if (!isDone)
            {
                await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM idempotency_keys WHERE key_id = @id", new { id }), CancellationToken.None);
            }
        }

        if (isDone)
        {
            // Whoever asked may have gone: the answer is kept for when they come again.
            await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE idempotency_keys SET status = @status, content_type = @type, answer = @sealedAnswer WHERE key_id = @id",
                new { id, status = context.Response.StatusCode, type = context.Response.ContentType ?? "", sealedAnswer = Seal(secret, answer.ToArray()) }), CancellationToken.None);
        }

        await body.WriteAsync(answer.ToArray(), context.RequestAborted);
    }

    private async Task RepeatAsync(HttpContext context, Row before, byte[] asked, byte[] secret)
    {
        if (!before.Asked.AsSpan().SequenceEqual(asked))
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"This {Header} was used for another request: draw a new one for each.");
        }

        if (before.Answer is null)
        {
            throw new HoldfastException(FailureTable.Conflict, time.GetUtcNow() - DateTimeOffset.FromUnixTimeSeconds(before.BegunAt) < _underWay
                ? "The same request is under way." : "The same request was begun, and whether it was done is not known: look, and ask under another key if it was not.");
        }

        (context.Response.StatusCode, context.Response.ContentType) = ((int)before.Status, before.ContentType!.Length > 0 ? before.ContentType : null);
        context.Response.Headers[ReplayedHeader] = "true";
        await context.Response.Body.WriteAsync(Open(secret, before.Answer), context.RequestAborted);
    }

    private static async Task<byte[]> HashAsync(HttpContext context)
    {
        // In memory: secrets stand in it. No request is longer than the server takes.
        context.Request.EnableBuffering(RequestLengthMax);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(Encoding.UTF8.GetBytes($"{context.Request.Method} {context.Request.GetEncodedPathAndQuery()}\n"));
        var buffer = new byte[16 << 10];
        while (await context.Request.Body.ReadAsync(buffer, context.RequestAborted) is > 0 and var count)
        {
            hash.AppendData(buffer.AsSpan(0, count));
        }

        context.Request.Body.Position = 0;
        return hash.GetHashAndReset();
    }

    /// <summary>A key of its own for each answer: the nonce is zero.</summary>
    private static AesGcm Cipher(byte[] secret) => new(HKDF.Expand(HashAlgorithmName.SHA256, SHA256.HashData(secret), 32, "holdfast idempotency answer"u8.ToArray()), TagLength);

    private static byte[] Seal(byte[] secret, byte[] answer)
    {
        var bytes = new byte[answer.Length + TagLength];
        using var cipher = Cipher(secret);
        cipher.Encrypt(new byte[12], answer, bytes.AsSpan(0, answer.Length), bytes.AsSpan(answer.Length));
        return bytes;
    }

    private static byte[] Open(byte[] secret, byte[] bytes)
    {
        var answer = new byte[bytes.Length - TagLength];
        using var cipher = Cipher(secret);
        cipher.Decrypt(new byte[12], bytes.AsSpan(0, answer.Length), bytes.AsSpan(answer.Length), answer);
        return answer;
    }

    private sealed record Row
    {
        public byte[] Asked { get; init; } = [];

        public long BegunAt { get; init; }

        public long Status { get; init; }

        public string? ContentType { get; init; }

        public byte[]? Answer { get; init; }
    }
}
