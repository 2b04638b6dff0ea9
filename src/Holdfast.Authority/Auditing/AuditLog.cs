using System.Security.Cryptography;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.Auditing;

/// <summary>What operators did, append-only: each row's hash covers it and the hash before it.</summary>
internal sealed class AuditLog(IDatabase directory, TimeProvider time)
{
    /// <summary>Appends a row, durably; whoever acts waits for it, so that nothing is done that is not in it.</summary>
    public Task<int> AppendAsync(string actor, string action, string subject, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        // Locks the end: rows follow each other whatever node writes them.
        var number = await transaction.FindAsync<long>("UPDATE audit_end SET number = number + 1 WHERE one = 1 RETURNING number");
        var before = (await transaction.FindAsync<byte[]>("SELECT hash FROM audit_end WHERE one = 1"))!;
        var entry = new AuditEntry(number, time.GetUtcNow().ToUnixTimeSeconds(), actor, action, subject, []);
        var hash = entry.HashBehind(before);
        await transaction.ExecuteAsync("UPDATE audit_end SET hash = @hash WHERE one = 1", new { hash });
        return await transaction.ExecuteAsync("INSERT INTO audit (number, at, actor, action, subject, hash) VALUES (@number, @at, @actor, @action, @subject, @hash)",
            new { entry.Number, entry.At, entry.Actor, entry.Action, entry.Subject, hash });
    }, cancellation);

    /// <summary>Rows in their order.</summary>
    public Task<Page<AuditEntry>> ListAsync(Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        (await transaction.QueryAsync<(long Number, long At, string Actor, string Action, string Subject, byte[] Hash)>(
            "SELECT number, at, actor, action, subject, hash FROM audit WHERE number > @after ORDER BY number LIMIT @rows", new { after = paging.AfterNumber(), rows = paging.Rows }))
            .Select(row => new AuditEntry(row.Number, row.At, row.Actor, row.Action, row.Subject, row.Hash)).ToList(), entry => $"{entry.Number}"), cancellation);
}
