using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using Holdfast.Admission;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Devices;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.Admitting;

/// <content>What a computer is told that is not let in.</content>
internal sealed partial class Admissions
{
    /// <summary>Answers who comes before the moment it was told, before anything else is looked at; false if the request goes on.</summary>
    public async ValueTask<bool> TryRefuseAsync(HttpContext context)
    {
        if (ApiEndpoint.Of(context) is not { Action: ApiAction.BeginBackup } || _seal is not { } seal
            || CallerCheck.ClaimOf(context) is not var (account, computer) || FindTold(context, seal, account, computer) is not { } told)
        {
            return false;
        }

        AuthorityMeter.Refused("early");
        var response = context.Response;
        response.StatusCode = FailureTable.NotAdmitted.HttpStatus;
        response.Headers.RetryAfter = Math.Max(1, (long)Math.Ceiling((told.At - time.GetUtcNow()).TotalSeconds)).ToString(CultureInfo.InvariantCulture);
        response.Headers[BackupTurn.Header] = told.Token;
        response.ContentType = "application/problem+json";
        response.ContentLength = told.Body.Length;
        await response.Body.WriteAsync(told.Body, context.RequestAborted);
        return true;
    }

    private ToldTurns.Answer? FindTold(HttpContext context, TurnSeal seal, AccountId account, uint computer)
    {
        if (_told.Find(account, computer, BearerOf(context)) is { } told && TooEarly(told.At) is not null)
        {
            return told;
        }

        return context.Request.Headers[BackupTurn.Header] is { Count: 1 } shown && seal.TryOpen(account, computer, shown.ToString()) is { } moment && TooEarly(moment) is { } answer
            ? Answer((account, computer), answer) : null;
    }

    private GateAnswer? TooEarly(DateTimeOffset moment)
    {
        lock (_lock)
        {
            return _gate.TooEarly(moment);
        }
    }

    private ToldTurns.Answer Answer((AccountId Account, uint Computer) who, GateAnswer answer)
    {
        var token = _seal!.Seal(who.Account, who.Computer, answer.At);
        var problem = new Problem($"urn:holdfast:{FailureTable.NotAdmitted.Code}", FailureTable.NotAdmitted.Guidance, FailureTable.NotAdmitted.HttpStatus, Sentence(answer.Reason, _state), FailureTable.NotAdmitted.Code, null, Turn(answer, token));
        return new ToldTurns.Answer(answer.At, token, JsonSerializer.SerializeToUtf8Bytes(problem, MessageJson.Default.Problem));
    }

    private static BackupTurn Turn(GateAnswer answer, string token) => new(token, NameOf(answer.Reason), Up(answer.At), Up(answer.ExpectedStart));

    private static string NameOf(GateReason reason) => reason switch
    {
        GateReason.Closed => "closed",
        GateReason.Held => "held",
        GateReason.Busy => "busy",
        _ => "turn",
    };

    private static string Sentence(GateReason reason, GateState? state) => (reason, state?.Reason) switch
    {
        (GateReason.Busy, _) => "The service has as many backups as it bears.",
        (GateReason.Closed, { } why) => $"The service takes no backups now: {why}.",
        (GateReason.Closed, _) => "The service takes no backups now.",
        (GateReason.Held, _) => "The service's operator lets nobody else begin for the moment.",
        (_, { } why) => $"The service is catching up ({why}).",
        _ => "The service is catching up.",
    };

    private static long Up(DateTimeOffset moment) => (moment.ToUnixTimeMilliseconds() + 999) / 1000;

    private static ulong BearerOf(HttpContext context) => BinaryPrimitives.ReadUInt64BigEndian(DeviceToken.HashOf(context.Request.Headers.Authorization.ToString()));
}
