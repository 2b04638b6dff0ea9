using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Verifying;

/// <summary>How far a verification is, as its job keeps it.</summary>
/// <param name="Live">What is shown.</param>
/// <param name="Before">What the accounts that are done came to: it goes on from here.</param>
/// <param name="LastAccount">The last of those by name; null if none is done.</param>
internal sealed record VerificationProgress(VerificationStatus Live, VerificationStatus Before, string? LastAccount)
{
    public static VerificationProgress? TryRead(string? text) => text is null ? null : JsonSerializer.Deserialize(text, VerifyingJson.Default.VerificationProgress);

    public string Write() => JsonSerializer.Serialize(this, VerifyingJson.Default.VerificationProgress);
}

[JsonSerializable(typeof(VerificationProgress))]
internal sealed partial class VerifyingJson : JsonSerializerContext;
