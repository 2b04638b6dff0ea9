using System.Text.Json.Serialization;

namespace Holdfast.Protocol.Messages;

/// <summary>JSON of the API: snake_case names, base64 bytes; generated at build time, so the client starts quickly.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    RespectNullableAnnotations = true, RespectRequiredConstructorParameters = false)]
[JsonSerializable(typeof(CreateOperator))]
[JsonSerializable(typeof(OperatorCreated))]
[JsonSerializable(typeof(CreateAccount))]
[JsonSerializable(typeof(AccountCreated))]
[JsonSerializable(typeof(AccountList))]
[JsonSerializable(typeof(BeginEnrolment))]
[JsonSerializable(typeof(EnrolmentBegun))]
[JsonSerializable(typeof(LogStatements))]
[JsonSerializable(typeof(AppendLog))]
[JsonSerializable(typeof(LogAppended))]
[JsonSerializable(typeof(StoredKeyring))]
[JsonSerializable(typeof(PendingEnrolment))]
[JsonSerializable(typeof(PendingEnrolments))]
[JsonSerializable(typeof(ApproveEnrolment))]
[JsonSerializable(typeof(OpenSession))]
[JsonSerializable(typeof(SessionOpened))]
[JsonSerializable(typeof(AskGrants))]
[JsonSerializable(typeof(MoreGrants))]
[JsonSerializable(typeof(SegmentList))]
[JsonSerializable(typeof(CommitSnapshot))]
[JsonSerializable(typeof(SnapshotCommitted))]
[JsonSerializable(typeof(SnapshotList))]
[JsonSerializable(typeof(OpenReads))]
[JsonSerializable(typeof(ReadsOpened))]
[JsonSerializable(typeof(Problem))]
public sealed partial class MessageJson : JsonSerializerContext;
