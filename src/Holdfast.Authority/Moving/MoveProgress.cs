using System.Text.Json.Serialization;

namespace Holdfast.Authority.Moving;

/// <summary>How fast a move of many accounts goes.</summary>
/// <param name="RowsPerSecond">Rows that are copied.</param>
/// <param name="SecondsLeft">How long it still takes, by the accounts that are left; null before one has moved.</param>
internal sealed record MoveProgress(double RowsPerSecond, long? SecondsLeft);

[JsonSerializable(typeof(MoveProgress))]
internal sealed partial class MovingJson : JsonSerializerContext;
