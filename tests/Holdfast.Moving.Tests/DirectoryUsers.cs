using System.Collections.Concurrent;
using Holdfast.Authority.Databases;
using Holdfast.Authority.DirectoryMoving;

namespace Holdfast.Moving.Tests;

/// <summary>Programs that use a directory through one or more nodes while it moves, and know every write that was acknowledged: each writer counts, has letters of its own, and exchanges its two accounts' names.</summary>
internal sealed class DirectoryUsers : IAsyncDisposable
{
    private readonly CancellationTokenSource _stop = new();
    private readonly List<Task> _running = [];
    private readonly ConcurrentDictionary<int, Written> _written = new();
    private readonly Func<int, DirectoryHome> _nodeOf;
    private long _reads;
    private long _acknowledged;

    public DirectoryUsers(Func<int, DirectoryHome> nodeOf, int writers)
    {
        _nodeOf = nodeOf;
        for (var i = 0; i < writers; i++)
        {
            var writer = i;
            _written[writer] = new Written();
            _running.Add(Task.Run(() => WriteAsync(writer)));
            _running.Add(Task.Run(() => ReadAsync(writer)));
        }
    }

    public long Acknowledged => Interlocked.Read(ref _acknowledged);

    public long Reads => Interlocked.Read(ref _reads);

    /// <summary>The longest that one write took.</summary>
    public TimeSpan Longest { get; private set; }

    public async Task WaitForAsync(long acknowledged)
    {
        while (Acknowledged < acknowledged)
        {
            await Task.WhenAny(Task.WhenAny(_running), Task.Delay(5));
            await Task.WhenAll(_running.Where(task => task.IsFaulted));
        }
    }

    /// <summary>Stops them; fails if one of them failed.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running);
    }

    /// <summary>Every acknowledged write is there, once, and nothing that was deleted.</summary>
    public async Task CheckAsync(IDatabase directory, CancellationToken cancellation)
    {
        foreach (var (writer, written) in _written)
        {
            var (count, names, letters) = await directory.ReadAsync(async transaction => (
                await transaction.FindAsync<long>("SELECT tries FROM attempts WHERE attempt_key = @key", new { key = KeyOf(writer, 0) }),
                await transaction.QueryAsync<string>("SELECT name FROM accounts WHERE account_id = @first OR account_id = @second ORDER BY account_id", new { first = KeyOf(writer, 1), second = KeyOf(writer, 2) }),
                await transaction.QueryAsync<string>("SELECT body FROM outbox WHERE recipient = @writer ORDER BY mail_id", new { writer = $"{writer}" })), cancellation);
            Assert.Equal(written.Count, count);
            Assert.Equal(written.Count % 2 == 0 ? [$"{writer} one", $"{writer} two"] : [$"{writer} two", $"{writer} one"], names);
            Assert.Equal(written.Letters.OrderBy(letter => letter.Key, StringComparer.Ordinal).Select(letter => letter.Value), letters);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Task.WhenAll(_running).ContinueWith(_ => { }, TaskScheduler.Default);
        _stop.Dispose();
    }

    private static byte[] KeyOf(int writer, int number) => [(byte)writer, (byte)number, .. new byte[14]];

    private async Task WriteAsync(int writer)
    {
        var (written, random) = (_written[writer], new Random(writer));
        await _nodeOf(writer).WriteAsync(async transaction =>
        {
            await transaction.ExecuteAsync("INSERT INTO attempts (attempt_key, begun_at, tries) VALUES (@key, 1, 0)", new { key = KeyOf(writer, 0) });
            for (var i = 1; i <= 2; i++)
            {
                await transaction.ExecuteAsync("INSERT INTO accounts (account_id, name, home, epoch, state, created_at) VALUES (@key, @name, 'a', 1, 'active', 1)", new { key = KeyOf(writer, i), name = $"{writer} {(i == 1 ? "one" : "two")}" });
            }

            return 0;
        }, CancellationToken.None);
        while (!_stop.IsCancellationRequested)
        {
            var began = TimeProvider.System.GetTimestamp();
            var (next, letters) = (written.Count + 1, new Dictionary<string, string>(written.Letters));
            await _nodeOf(random.Next()).WriteAsync(async transaction =>
            {
                await transaction.ExecuteAsync("UPDATE attempts SET tries = tries + 1 WHERE attempt_key = @key", new { key = KeyOf(writer, 0) });

                // A name is only one's at a time.
                foreach (var (account, name) in (IEnumerable<(int, string)>)[(1, "away"), (2, next % 2 == 0 ? "two" : "one"), (1, next % 2 == 0 ? "one" : "two")])
                {
                    await transaction.ExecuteAsync("UPDATE accounts SET name = @name WHERE account_id = @key", new { key = KeyOf(writer, account), name = $"{writer} {name}" });
                }

                letters[$"{writer}-{next:d9}"] = $"{next} ü\n{random.Next()}";
                await transaction.ExecuteAsync("INSERT INTO outbox (mail_id, recipient, subject, body, created_at) VALUES (@id, @to, 'x', @body, 1)", new { id = $"{writer}-{next:d9}", to = $"{writer}", body = letters[$"{writer}-{next:d9}"] });
                if (letters.Count > 20)
                {
                    var (deleted, changed) = (letters.Keys.ElementAt(random.Next(10)), letters.Keys.ElementAt(10 + random.Next(10)));
                    letters.Remove(deleted);
                    await transaction.ExecuteAsync("DELETE FROM outbox WHERE mail_id = @deleted", new { deleted });
                    letters[changed] = $"changed by {next}";
                    await transaction.ExecuteAsync("UPDATE outbox SET body = @body, sent_at = @next WHERE mail_id = @changed", new { body = letters[changed], next, changed });
                }

                return 0;
            }, CancellationToken.None);
            written.Letters = letters;
            written.Count = next;
            Interlocked.Increment(ref _acknowledged);
            var took = TimeProvider.System.GetElapsedTime(began);
            Longest = took > Longest ? took : Longest;
        }
    }

    /// <summary>What was acknowledged before a read began is read, whichever node is asked.</summary>
    private async Task ReadAsync(int writer)
    {
        var random = new Random(1000 + writer);
        while (!_stop.IsCancellationRequested)
        {
            var least = _written[writer].Count;
            var read = await _nodeOf(random.Next()).AskAsync(transaction => transaction.FindAsync<long>("SELECT tries FROM attempts WHERE attempt_key = @key", new { key = KeyOf(writer, 0) }), CancellationToken.None);
            Assert.True(read >= least, $"{read} was read after {least} was acknowledged");
            Interlocked.Increment(ref _reads);
            await Task.Delay(1);
        }
    }

    private sealed class Written
    {
        private long _count;

        public long Count
        {
            get => Interlocked.Read(ref _count);
            set => Interlocked.Exchange(ref _count, value);
        }

        public IReadOnlyDictionary<string, string> Letters { get; set; } = new Dictionary<string, string>();
    }
}
