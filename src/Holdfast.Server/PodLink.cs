using System.Text.Json.Serialization;

namespace Holdfast.Server;

/// <summary>A pod that is a process of its own, as the authority knows it: its address, and the public keys that sign its receipts.</summary>
internal sealed record PodLink(string Url, IReadOnlyList<byte[]> ReceiptKeys);

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PodLink))]
internal sealed partial class ServerJson : JsonSerializerContext;
