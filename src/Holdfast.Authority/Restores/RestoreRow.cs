using System.Text.Json;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Restores;

/// <summary>An archive as it stands in the database.</summary>
internal sealed record RestoreRow
{
    public const string Columns = "restore_id AS Id, account_id AS Account, snapshot, paths, state, asked_by AS AskedBy, address, created_at AS CreatedAt, ended_at AS EndedAt, expires_at AS ExpiresAt, restorer, token, attempts, files, bytes, bytes_total AS BytesTotal, length, troubles, failure, kind";

    public string Id { get; init; } = "";

    public byte[] Account { get; init; } = [];

    public string Snapshot { get; init; } = "";

    public string Paths { get; init; } = "[]";

    public string State { get; init; } = "";

    public string AskedBy { get; init; } = "";

    public string? Address { get; init; }

    public long CreatedAt { get; init; }

    public long? EndedAt { get; init; }

    public long? ExpiresAt { get; init; }

    public string? Restorer { get; init; }

    /// <summary>Rises with each lease: whoever has an older one has lost it.</summary>
    public long Token { get; init; }

    /// <summary>Leases since it last got on.</summary>
    public long Attempts { get; init; }

    public long Files { get; init; }

    public long Bytes { get; init; }

    public long BytesTotal { get; init; }

    public long Length { get; init; }

    public long Troubles { get; init; }

    public string? Failure { get; init; }

    /// <summary>prepared or shared.</summary>
    public string Kind { get; init; } = "";

    public IReadOnlyList<string> ReadPaths() => JsonSerializer.Deserialize(Paths, MessageJson.Default.IReadOnlyListString)!;

    public PreparedRestore ToMessage() => new(Id, Snapshot, ReadPaths(), State, AskedBy, CreatedAt, EndedAt, ExpiresAt, Files, Bytes, BytesTotal, Length, Troubles, Failure, Kind == "shared");
}
