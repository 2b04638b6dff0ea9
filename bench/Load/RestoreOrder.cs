using Holdfast.Format.Objects;
using Npgsql;

namespace Holdfast.Bench.Load;

/// <summary>What <see cref="RestoreReader"/> is to read, and as whom: a file that is there while it is to go on.</summary>
internal sealed record RestoreOrder(string Url, AccountId Account, string Token, uint Number)
{
    private const string Name = "restore-order";

    public static bool IsThere(string work) => File.Exists(Path.Combine(work, Name));

    public static RestoreOrder? TryRead(string work) => IsThere(work) && File.ReadAllLines(Path.Combine(work, Name)) is [var url, var account, var token, var number] && AccountId.TryParse(account, out var id)
        ? new RestoreOrder(url, id, token, uint.Parse(number, System.Globalization.CultureInfo.InvariantCulture)) : null;

    /// <summary>Has the reader end.</summary>
    public static void Withdraw(string work) => File.Delete(Path.Combine(work, Name));

    /// <summary>Stores what is to be restored, makes it one that may be, and has the reader begin.</summary>
    public static async Task GiveAsync(string work, string url, ReturningClient client, UploadContent content, NpgsqlDataSource store, CancellationToken cancellation)
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
        var part = Path.Combine(work, Name + ".part");
        await File.WriteAllLinesAsync(part, [url, client.Account.ToString(), client.Token, opened.Grants[0].Number.ToString(System.Globalization.CultureInfo.InvariantCulture)], cancellation);
        File.Move(part, Path.Combine(work, Name));
    }
}
