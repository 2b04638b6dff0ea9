using System.Diagnostics;
using Npgsql;

namespace Holdfast.Bench.Load;

/// <summary>Somebody who restores: a permission from the authority, then 256 KiB from the pod, again and again, with a breath between.</summary>
internal sealed class RestoreReader(ReturningClient client, UploadContent content, NpgsqlDataSource store)
{
    private const int ReadLength = 256 << 10;
    private static readonly TimeSpan _breath = TimeSpan.FromMilliseconds(20);

    public async Task PrepareAsync(CancellationToken cancellation)
    {
        var (opened, problem) = await client.TryOpenAsync(cancellation);
        if (opened is null || !await client.PutAsync(content, opened, 0, null, cancellation))
        {
            throw new InvalidOperationException($"nothing to restore could be stored: {problem?.Detail}");
        }

        await using var command = store.CreateCommand("UPDATE objects SET state = 'live', type = 2, length = $2, tables_offset = 64, frames = 1, checksum = decode(repeat('00', 32), 'hex'), receipt = decode(repeat('00', 200), 'hex'), indexed = 1 WHERE account_id = $1 AND number = $3");
        foreach (var value in new object[] { client.Account.ToArray(), (long)UploadContent.Length, (long)opened.Grants[0].Number })
        {
            command.Parameters.Add(new NpgsqlParameter { Value = value });
        }

        await command.ExecuteNonQueryAsync(cancellation);
        Number = opened.Grants[0].Number;
    }

    private uint Number { get; set; }

    public async Task ReadAsync(Phase phase, CancellationToken cancellation)
    {
        try
        {
            while (true)
            {
                await Task.Delay(_breath, cancellation);
                var began = Stopwatch.GetTimestamp();
                var (failure, permission) = await client.TryReadAsync(Number, ReadLength, cancellation);
                if (failure is not null)
                {
                    phase.Fail($"restore: {failure}");
                }
                else
                {
                    phase.Restored(Stopwatch.GetElapsedTime(began), permission);
                }
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The phase is over.
        }
    }
}
