using Holdfast.Authority.Callers;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Authority.People;

/// <summary>Customers with more than one person, and who is what there.</summary>
internal sealed class Organisations(IDatabase directory, TimeProvider time)
{
    private const string OwnersLeft = "SELECT count(*) FROM members WHERE organisation_id = @organisation AND role = 'owner' AND person_id <> @person";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    public async Task<OrganisationSummary> CreateAsync(string name, CancellationToken cancellation)
    {
        var made = new OrganisationSummary(Guid.CreateVersion7(time.GetUtcNow()).ToString(), name, Now);
        return await directory.WriteAsync(transaction => transaction.ExecuteAsync(
            "INSERT INTO organisations (organisation_id, name, created_at) VALUES (@organisation, @name, @createdAt) ON CONFLICT DO NOTHING", made), cancellation) == 1
            ? made : throw new HoldfastException(FailureTable.Conflict, $"There is an organisation '{name}' already.");
    }

    /// <summary>Organisations by id; only some of them, if <paramref name="only"/> says which.</summary>
    public Task<Page<OrganisationSummary>> ListAsync(IReadOnlyCollection<string>? only, Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<(string Id, string Name, long CreatedAt)>(
            $"SELECT organisation_id, name, created_at FROM organisations WHERE organisation_id > @after {SqlParameters.Among("organisation_id", only)} ORDER BY organisation_id LIMIT @rows",
            new { after = paging.After ?? "", rows = paging.Rows })).Select(row => new OrganisationSummary(row.Id, row.Name, row.CreatedAt))], row => row.Organisation), cancellation);

    public Task<Page<MemberSummary>> MembersAsync(string organisation, Paging paging, CancellationToken cancellation) => directory.AskAsync(async transaction => paging.Cut(
        [.. (await transaction.QueryAsync<(string Person, string Email, string Name, string Role)>(
            "SELECT m.person_id, p.email, p.name, m.role FROM members m JOIN people p ON p.person_id = m.person_id WHERE m.organisation_id = @organisation AND m.person_id > @after ORDER BY m.person_id LIMIT @rows",
            new { organisation, after = paging.After ?? "", rows = paging.Rows })).Select(row => new MemberSummary(row.Person, row.Email, row.Name, row.Role))], row => row.Person), cancellation);

    /// <summary>Gives a member another role. Somebody must stay owner.</summary>
    public Task<MemberSummary> ChangeAsync(string organisation, string person, string role, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await LockAsync(transaction, organisation);
        await RequireOwnerAsync(transaction, organisation, person, role);
        await transaction.ExecuteAsync("UPDATE members SET role = @role WHERE organisation_id = @organisation AND person_id = @person", new { organisation, person, role });
        var (email, name) = await transaction.FindAsync<(string, string)>("SELECT email, name FROM people WHERE person_id = @person", new { person });
        return new MemberSummary(person, email, name, role);
    }, cancellation);

    /// <summary>Takes a member out. Somebody must stay owner.</summary>
    public Task RemoveAsync(string organisation, string person, CancellationToken cancellation) => directory.WriteAsync(async transaction =>
    {
        await LockAsync(transaction, organisation);
        await RequireOwnerAsync(transaction, organisation, person, null);
        return await transaction.ExecuteAsync("DELETE FROM members WHERE organisation_id = @organisation AND person_id = @person", new { organisation, person });
    }, cancellation);

    /// <summary>Lets somebody in, or gives them another role.</summary>
    public async Task AddAsync(DatabaseTransaction transaction, string organisation, string person, string role)
    {
        await LockAsync(transaction, organisation);
        if (await transaction.FindAsync<string>("SELECT role FROM members WHERE organisation_id = @organisation AND person_id = @person", new { organisation, person }) is not null)
        {
            await RequireOwnerAsync(transaction, organisation, person, role);
        }

        await transaction.ExecuteAsync(
            "INSERT INTO members (organisation_id, person_id, role, created_at) VALUES (@organisation, @person, @role, @now) ON CONFLICT (organisation_id, person_id) DO UPDATE SET role = excluded.role",
            new { organisation, person, role, Now });
    }

    /// <summary>Where a person has roles.</summary>
    public static async Task<IReadOnlyList<Membership>> MembershipsAsync(DatabaseTransaction transaction, string person) =>
        [.. (await transaction.QueryAsync<(string Id, string Name, string Role)>(
            "SELECT o.organisation_id, o.name, m.role FROM members m JOIN organisations o ON o.organisation_id = m.organisation_id WHERE m.person_id = @person ORDER BY o.name", new { person }))
            .Select(row => new Membership(row.Id, row.Name, row.Role))];

    /// <summary>Fails if there is no such organisation.</summary>
    public Task RequireAsync(string organisation, CancellationToken cancellation) => directory.AskAsync(async transaction =>
        await transaction.FindAsync<string>("SELECT name FROM organisations WHERE organisation_id = @organisation", new { organisation }) ?? throw Unknown(organisation), cancellation);

    /// <summary>Two changes at once could leave it without an owner.</summary>
    private static async Task LockAsync(DatabaseTransaction transaction, string organisation)
    {
        if (await transaction.ExecuteAsync("UPDATE organisations SET name = name WHERE organisation_id = @organisation", new { organisation }) == 0)
        {
            throw Unknown(organisation);
        }
    }

    /// <summary>Fails if somebody is no member, or if the change would leave nobody as owner.</summary>
    private static async Task RequireOwnerAsync(DatabaseTransaction transaction, string organisation, string person, string? newRole)
    {
        var role = await transaction.FindAsync<string>("SELECT role FROM members WHERE organisation_id = @organisation AND person_id = @person", new { organisation, person })
            ?? throw new HoldfastException(FailureTable.NotFound, "There is no such member.");
        if (role == "owner" && newRole != "owner" && await transaction.FindAsync<long>(OwnersLeft, new { organisation, person }) == 0)
        {
            throw new HoldfastException(FailureTable.Conflict, "It is the last owner: make somebody else owner first.");
        }
    }

    private static HoldfastException Unknown(string organisation) => new(FailureTable.NotFound, $"There is no organisation '{organisation}'.");
}
