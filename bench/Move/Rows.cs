using Holdfast.Format.Objects;
using Holdfast.Moving;

namespace Holdfast.Bench.Move;

/// <summary>Rows as accounts have them: nearly all are objects, as large as real ones.</summary>
internal static class Rows
{
    private const int AtOnce = 5000;

    public static async Task AddAsync(MovingService service, AccountId account, int count)
    {
        var random = new Random(count);
        for (var done = 0; done < count; done += AtOnce)
        {
            var piece = Math.Min(AtOnce, count - done);
            await service.Store.WriteAsync(await service.PlaceOfAsync(account, CancellationToken.None), async transaction =>
            {
                var end = await transaction.FindAsync<long>("UPDATE fence SET next_number = next_number + @piece WHERE account_id = @account RETURNING next_number", new { piece = (long)piece });
                return await transaction.ExecuteEachAsync(
                    """
                    INSERT INTO objects (account_id, number, session, computer, state, touched, type, length, tables_offset, frames, checksum, receipt, indexed, version)
                    VALUES (@account, @number, 1, 1, 'live', @version, 1, 16000000, 15990000, 1200, @checksum, @receipt, 1, @version)
                    """, Enumerable.Range(0, piece).Select(i => (object)new { number = end - piece + i, checksum = Bytes(32), receipt = Bytes(120) }));
            }, CancellationToken.None);
        }

        byte[] Bytes(int length)
        {
            var bytes = new byte[length];
            random.NextBytes(bytes);
            return bytes;
        }
    }
}
