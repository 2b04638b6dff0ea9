using System.Globalization;
using Holdfast.Authority.Databases;
using Holdfast.Authority.DirectoryMoving;

namespace Holdfast.Bench.Move;

/// <summary>Moves a large directory from one database to the next while four clients write to it and four read, and says how long they waited.</summary>
internal static class DirectoryRace
{
    private const int Clients = 4;
    private const int RowsAtOnce = 10_000;

    /// <returns>Rows of the table.</returns>
    public static async Task<IReadOnlyList<string>> RunAsync(IDatabase directory, int rows, IReadOnlyList<string> targets)
    {
        for (var done = 0; done < rows; done += RowsAtOnce)
        {
            var first = done;
            await directory.WriteAsync(transaction => transaction.ExecuteEachAsync("INSERT INTO samples (metric, subject, day, value) VALUES (@metric, @subject, @day, @value)",
                Enumerable.Range(first, RowsAtOnce).Select(i => (object)new { metric = $"metric {i % 20}", subject = $"subject {i % 500}", day = (long)i, value = 1_000_003L * i })), CancellationToken.None);
        }

        var (lines, current) = (new List<string>(), directory);
        foreach (var target in targets)
        {
            var next = await DatabaseSource.OpenAsync(target, DatabaseKind.Directory, CancellationToken.None);
            lines.Add(await MoveAsync(current, next, target.StartsWith("sqlite", StringComparison.Ordinal) ? "SQLite" : "PostgreSQL"));
            current = next;
        }

        return lines;
    }

    private static async Task<string> MoveAsync(IDatabase from, IDatabase to, string kind)
    {
        var (time, stopping, waits) = (TimeProvider.System, false, new (double Write, double Read)[Clients]);
        var home = await DirectoryHome.OpenAsync(() => Task.FromResult(from), () => Task.FromResult(to), time, CancellationToken.None);
        var clients = Enumerable.Range(0, 2 * Clients).Select(client => Task.Run(async () =>
        {
            while (!Volatile.Read(ref stopping))
            {
                var (began, key) = (time.GetTimestamp(), new byte[] { (byte)(client % Clients) });
                if (client < Clients)
                {
                    await home.WriteAsync(transaction => transaction.ExecuteAsync(
                        "INSERT INTO attempts (attempt_key, begun_at, tries) VALUES (@key, 1, 1) ON CONFLICT (attempt_key) DO UPDATE SET tries = attempts.tries + 1", new { key }), CancellationToken.None);
                    waits[client].Write = Math.Max(waits[client].Write, time.GetElapsedTime(began).TotalMilliseconds);
                }
                else
                {
                    await home.AskAsync(transaction => transaction.FindAsync<long>("SELECT tries FROM attempts WHERE attempt_key = @key", new { key }), CancellationToken.None);
                    waits[client - Clients].Read = Math.Max(waits[client - Clients].Read, time.GetElapsedTime(began).TotalMilliseconds);
                }

                await Task.Delay(2);
            }
        })).ToList();
        await Task.Delay(1000);
        var start = time.GetTimestamp();
        var done = await new DirectoryMover(home.Current, to, "bench", time).RunAsync(TimeSpan.FromSeconds(15), _ => Task.CompletedTask, CancellationToken.None);
        var took = time.GetElapsedTime(start);
        await Task.Delay(500);
        Volatile.Write(ref stopping, true);
        await Task.WhenAll(clients);
        return string.Create(CultureInfo.InvariantCulture,
            $"| the directory to {kind}: {done.Rows} rows in {took.TotalSeconds:0.0} s; ms that writes were stopped, longest write, longest read | {done.Paused?.TotalMilliseconds:0} | {waits.Max(wait => wait.Write):0} | {waits.Max(wait => wait.Read):0} |");
    }
}
