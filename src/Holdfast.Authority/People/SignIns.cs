using System.Buffers.Text;
using System.Net.Sockets;
using System.Security.Cryptography;
using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Grants;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Authority.People;

/// <summary>A session as it stands in the database. Times are seconds since 1970.</summary>
internal sealed record SignInRow
{
    public string Id { get; init; } = "";

    public string PersonId { get; init; } = "";

    public string Method { get; init; } = "";

    public long CreatedAt { get; init; }

    public long UsedAt { get; init; }

    public long ExpiresAt { get; init; }

    /// <summary>When they showed all factors they have.</summary>
    public long? ProvedAt { get; init; }

    public long IsStrongNumber { get; init; }

    public string Address { get; init; } = "";

    public string Agent { get; init; } = "";

    /// <summary>Those were two.</summary>
    public bool IsStrong => IsStrongNumber != 0;
}

/// <summary>Sessions of people: opaque tokens, of which the hash is kept, so that each can be seen and ended. They end by themselves after a week without use, and after a month.</summary>
internal sealed class SignIns(IDatabase directory, TimeProvider time)
{
    public const string TokenPrefix = "hfs_";

    private const int SecretLength = 24;
    private const int AgentLengthMax = 200;

    private const string Columns =
        "sign_in_id AS Id, person_id AS PersonId, method, created_at AS CreatedAt, used_at AS UsedAt, expires_at AS ExpiresAt, proved_at AS ProvedAt, is_strong AS IsStrongNumber, address, agent";

    private static readonly TimeSpan _life = TimeSpan.FromDays(30);
    private static readonly TimeSpan _idle = TimeSpan.FromDays(7);
    private static readonly TimeSpan _usedEvery = TimeSpan.FromMinutes(5);

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Begins a session; one in which not all factors that the person has were shown is not proved.</summary>
    public async Task<(SignInRow SignIn, string Token)> BeginAsync(Person person, string method, bool isStrong, bool isProved, HttpContext context, CancellationToken cancellation)
    {
        var token = TokenPrefix + Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(SecretLength));
        var row = new SignInRow
        {
            Id = Guid.CreateVersion7(time.GetUtcNow()).ToString(), PersonId = person.Id, Method = method, CreatedAt = Now, UsedAt = Now, ExpiresAt = Now + (long)_life.TotalSeconds,
            ProvedAt = isProved ? Now : null, IsStrongNumber = isStrong ? 1 : 0, Address = AddressOf(context), Agent = string.Concat(context.Request.Headers.UserAgent.ToString().Where(char.IsAscii).Take(AgentLengthMax)),
        };
        await directory.WriteAsync(async transaction =>
        {
            // Locks the person: a password that is set, or a suspension, at the same time ends this session or keeps it from beginning.
            if (await transaction.ExecuteAsync("UPDATE people SET version = version WHERE person_id = @id AND security_stamp = @securityStamp AND suspended_at IS NULL", new { person.Id, person.SecurityStamp }) == 0)
            {
                throw Credentials.Refused();
            }

            return await transaction.ExecuteAsync(
            """
            INSERT INTO sign_ins (sign_in_id, token_hash, person_id, method, created_at, used_at, expires_at, proved_at, is_strong, address, agent)
            VALUES (@id, @hash, @personId, @method, @createdAt, @usedAt, @expiresAt, @provedAt, @isStrongNumber, @address, @agent)
            """, new { row.Id, hash = DeviceToken.HashOf(token), row.PersonId, row.Method, row.CreatedAt, row.UsedAt, row.ExpiresAt, row.ProvedAt, row.IsStrongNumber, row.Address, row.Agent });
        }, cancellation);
        return (row, token);
    }

    /// <summary>Whose session it is; null if it has ended, or its person is suspended.</summary>
    public async Task<Caller?> FindAsync(byte[] tokenHash, CancellationToken cancellation)
    {
        var (caller, signIn) = await directory.ReadAsync(async transaction =>
        {
            var row = await transaction.FindAsync<SignInRow>($"SELECT {Columns} FROM sign_ins WHERE token_hash = @tokenHash AND expires_at > @now AND used_at > @idle",
                new { tokenHash, Now, idle = Now - (long)_idle.TotalSeconds });
            return row is null ? default : (await FindCallerAsync(transaction, row.PersonId, Roles.SignedIn), row);
        }, cancellation);
        if (caller is null || signIn is null)
        {
            return null;
        }

        if (signIn.UsedAt < Now - (long)_usedEvery.TotalSeconds)
        {
            await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE sign_ins SET used_at = @now WHERE sign_in_id = @id", new { signIn.Id, Now }), cancellation);
        }

        return caller with { SignIn = signIn };
    }

    /// <summary>A person with their roles; null if they are suspended.</summary>
    public static async Task<Caller?> FindCallerAsync(DatabaseTransaction transaction, string personId, Roles more)
    {
        if (await PersonStore.FindAsync(transaction, "person_id = @key", personId) is not { SuspendedAt: null } person)
        {
            return null;
        }

        return new Caller($"{person.Email} ({person.Id})", RoleNames.OfOperator(person.OperatorRole) | more) { Person = person, Memberships = await Organisations.MembershipsAsync(transaction, personId) };
    }

    /// <summary>A person's sessions, the latest first.</summary>
    public Task<SignInList> ListAsync(Caller caller, CancellationToken cancellation) => directory.AskAsync(async transaction => new SignInList(
        [.. (await transaction.QueryAsync<SignInRow>($"SELECT {Columns} FROM sign_ins WHERE person_id = @id AND expires_at > @now AND used_at > @idle ORDER BY sign_in_id DESC LIMIT 1000",
            new { caller.Person!.Id, Now, idle = Now - (long)_idle.TotalSeconds }))
            .Select(row => new SignInSummary(row.Id, row.Method, row.CreatedAt, row.UsedAt, row.ExpiresAt, row.Address, row.Agent, row.Id == caller.SignIn?.Id))]), cancellation);

    /// <summary>Ends a session of a person; one that is not theirs is the failure not_found.</summary>
    public async Task EndAsync(Person person, string signIn, CancellationToken cancellation)
    {
        if (await directory.WriteAsync(transaction => transaction.ExecuteAsync("DELETE FROM sign_ins WHERE sign_in_id = @signIn AND person_id = @id", new { signIn, person.Id }), cancellation) == 0)
        {
            throw new HoldfastException(FailureTable.NotFound, "You have no such session.");
        }
    }

    /// <summary>Ends all sessions of a person, but perhaps one.</summary>
    public static Task EndAllAsync(DatabaseTransaction transaction, string personId, string? but) =>
        transaction.ExecuteAsync("DELETE FROM sign_ins WHERE person_id = @personId AND sign_in_id <> @but", new { personId, but = but ?? "" });

    /// <summary>Keeps that somebody just showed all factors they have.</summary>
    public async Task<Proved> KeepProofAsync(SignInRow signIn, bool isStrong, CancellationToken cancellation)
    {
        await directory.WriteAsync(transaction => transaction.ExecuteAsync("UPDATE sign_ins SET proved_at = @now, is_strong = @strong WHERE sign_in_id = @id", new { signIn.Id, Now, strong = isStrong ? 1 : 0 }), cancellation);
        return new Proved((time.GetUtcNow() + CallerCheck.ProofLife).ToUnixTimeSeconds());
    }

    /// <summary>Where a request comes from.</summary>
    public static string AddressOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "";

    /// <summary>The network that it comes from: whoever has an IPv6 address has 2^64 of them.</summary>
    public static string NetworkOf(HttpContext context) => context.Connection.RemoteIpAddress is { AddressFamily: AddressFamily.InterNetworkV6, IsIPv4MappedToIPv6: false } address
        ? Convert.ToHexStringLower(address.GetAddressBytes().AsSpan(0, 8)) : AddressOf(context);
}
