using System.Globalization;
using System.Text;
using Holdfast.Authority.Accounts;
using Holdfast.Format.Objects;
using Holdfast.Protocol.Failures;

namespace Holdfast.Moving;

/// <summary>What a write did to one row.</summary>
/// <param name="Number">The row.</param>
/// <param name="Value">What it has from then on; no other write has the same.</param>
/// <param name="IsDeleted">It says that there is none any more.</param>
internal sealed record WrittenRow(long Number, string Value, bool IsDeleted);

/// <summary>A customer's computer: each write draws a number and makes a row of it, changes another one, and sometimes deletes one.</summary>
internal sealed class Client(MovingService service, AccountId account, string name, int seed)
{
    private readonly Random _random = new(seed);
    private int _writes;

    /// <summary>Writes once.</summary>
    /// <param name="begun">Hears what it is about to write, before it is known whether it will be: a write whose answer is lost may have been done.</param>
    /// <param name="cancellation">Ends waiting.</param>
    /// <returns>The version, and the rows.</returns>
    public async Task<(long Version, IReadOnlyList<WrittenRow> Rows)> WriteAsync(Action<IReadOnlyList<WrittenRow>> begun, CancellationToken cancellation)
    {
        var value = string.Create(CultureInfo.InvariantCulture, $"{name}-{_writes++}");
        var isDelete = _random.Next(4) == 0;
        var part = _random.NextDouble();
        return await service.Store.WriteAsync(await service.PlaceOfAsync(account, cancellation), async transaction =>
        {
            var own = await transaction.FindAsync<long>("UPDATE fence SET next_number = next_number + 1 WHERE account_id = @account RETURNING next_number - 1");
            var other = 1 + (long)(part * own);
            WrittenRow[] rows = [new(own, value, false), .. other < own ? (WrittenRow[])[new(other, value + "-again", isDelete)] : []];
            begun(rows);
            foreach (var row in rows)
            {
                await transaction.ExecuteAsync(row.Number == own
                    ? "INSERT INTO objects (account_id, number, session, computer, state, touched, checksum, version) VALUES (@account, @number, 1, 1, 'live', @version, @checksum, @version)"
                    : "UPDATE objects SET checksum = @checksum, deleted = @deleted, version = @version WHERE account_id = @account AND number = @number",
                    new { row.Number, checksum = Encoding.UTF8.GetBytes(row.Value), deleted = row.IsDeleted ? 1L : 0L });
            }

            return (await transaction.FindAsync<long>("SELECT next_version FROM fence WHERE account_id = @account"), (IReadOnlyList<WrittenRow>)rows);
        }, cancellation);
    }

    /// <summary>The version that a row has.</summary>
    public async Task<long> ReadAsync(long number, CancellationToken cancellation) => await service.Store.ReadAsync(await service.PlaceOfAsync(account, cancellation), transaction =>
        transaction.FindAsync<long>("SELECT version FROM objects WHERE account_id = @account AND number = @number", new { number }), cancellation);

    /// <summary>Writes again and again until it is ended, and says of each write when it begins and when it is acknowledged.</summary>
    public async Task RunAsync(TextWriter output, CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            try
            {
                var (version, rows) = await WriteAsync(about => output.WriteLine("begin " + Write(about)), cancellation);
                await output.WriteLineAsync(string.Create(CultureInfo.InvariantCulture, $"done {version} {Write(rows)}"));
            }
            catch (HoldfastException exception)
            {
                await output.WriteLineAsync($"failed {exception.Kind.Code} {exception.Message.ReplaceLineEndings(" ")} {exception.InnerException?.Message.ReplaceLineEndings(" ")}");
            }
        }
    }

    /// <summary>Reads what <see cref="RunAsync"/> wrote.</summary>
    public static IReadOnlyList<WrittenRow> Read(string rows) => [.. rows.Split(';').Select(row => row.Split(',')).Select(parts => new WrittenRow(long.Parse(parts[0], CultureInfo.InvariantCulture), parts[1], parts[2] == "1"))];

    private static string Write(IReadOnlyList<WrittenRow> rows) => string.Join(';', rows.Select(row => string.Create(CultureInfo.InvariantCulture, $"{row.Number},{row.Value},{(row.IsDeleted ? 1 : 0)}")));
}
