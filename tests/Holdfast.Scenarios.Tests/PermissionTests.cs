using System.Reflection;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;

namespace Holdfast.Scenarios.Tests;

/// <summary>docs/permissions.md is true: every endpoint is asked in every role.</summary>
public sealed class PermissionTests : Scenario
{
    private const string Password = "correct horse battery";

    [Fact]
    public async Task Every_endpoint_does_what_the_table_says_for_every_role()
    {
        var (roles, allowed) = ReadTable(out _proofs);
        var computer = await EnrolAsync("one", "account");
        var own = Client.Computers.ComputerFile.Load(computer.Folders);
        using var operating = new ApiCaller(Service.Url, await TokenAsync("operator-token"));
        var organisation = (await operating.PostAsync("/v1/organisations", new { name = "Organisation" })).Text("organisation");
        Assert.Equal(200, (await operating.PutAsync("/v1/accounts/account/organisation", new { organisation })).Status);

        var api = JsonNode.Parse(await new HttpClient().GetStringAsync($"{Service.Url}/openapi/v1.json", Cancellation))!;
        var operations = api["paths"]!.AsObject().SelectMany(path => path.Value!.AsObject().Select(operation => (Path: path.Key, Method: operation.Key.ToUpperInvariant(), Operation: operation.Value!))).ToList();
        Assert.Equal(allowed.Keys.Order(), operations.Select(operation => operation.Operation["x-action"]!.GetValue<string>()).Distinct().Order());
        var asked = 0;
        foreach (var role in roles.Prepend("nobody"))
        {
            foreach (var (path, method, operation) in operations)
            {
                // A session of their own for each: some end it.
                using var caller = new ApiCaller(Service.Url, await BearerAsync(role, organisation, own));
                var there = path.Replace("{account}", own.Account.ToString(), StringComparison.Ordinal).Replace("{name}", "account", StringComparison.Ordinal).Replace("{organisation}", organisation, StringComparison.Ordinal);
                var answer = await caller.SendAsync(new HttpMethod(method), System.Text.RegularExpressions.Regex.Replace(there, @"\{\w+\}", "7"), operation["requestBody"] is null ? null : "[]");
                var action = operation["x-action"]!.GetValue<string>();
                var isRefused = answer.Code is "token_invalid" or "forbidden" || (answer.Code == "not_found" && answer.Text("detail").EndsWith(" here.", StringComparison.Ordinal));
                Assert.True(isRefused != allowed[action].Contains(role == "nobody" ? "anybody" : role), $"{role}: {method} {path} ({action}) answered {answer.Status} {answer.Code}");
                Assert.True(answer.Status < 500, $"{role}: {method} {path} answered {answer.Status}");
                asked++;
            }
        }

        Assert.Equal((roles.Count + 1) * operations.Count, asked);
        await ProofsGrowOldAsync(roles, allowed, operations.ConvertAll(operation => (operation.Path, operation.Method, operation.Operation["x-action"]!.GetValue<string>(), operation.Operation["requestBody"] is not null)), organisation);
    }

    /// <summary>Ten minutes later people may do what needs no proof, and no more; whatever an operator's token may do stays so.</summary>
    private async Task ProofsGrowOldAsync(List<string> roles, Dictionary<string, HashSet<string>> allowed, List<(string Path, string Method, string Action, bool HasBody)> operations, string organisation)
    {
        foreach (var role in roles.Skip(roles.IndexOf("signed in")))
        {
            foreach (var (path, method, action, hasBody) in operations.Where(operation => allowed[operation.Action].Contains(role)))
            {
                using var caller = new ApiCaller(Service.Url, await SignInAsync(role, organisation));
                Service.DirectorySql("UPDATE sign_ins SET proved_at = proved_at - 601");
                var there = path.Replace("{name}", "account", StringComparison.Ordinal).Replace("{organisation}", organisation, StringComparison.Ordinal);
                var answer = await caller.SendAsync(new HttpMethod(method), System.Text.RegularExpressions.Regex.Replace(there, @"\{\w+\}", "7"), hasBody ? "[]" : null);
                Assert.True((answer.Code == "proof_needed") == (_proofs[action].Length > 0 && _proofs[action] != "anybody"), $"{role}: {method} {path} ({action}) answered {answer.Status} {answer.Code}");
            }
        }
    }

    [Fact]
    public async Task No_endpoint_can_be_added_without_an_action()
    {
        // The build refuses what the list names: it must name every way to add one.
        var banned = await File.ReadAllTextAsync(Path.Combine(Programs.Root, "src", "Holdfast.Authority", "BannedSymbols.txt"), Cancellation);
        var ways = typeof(EndpointRouteBuilderExtensions).GetMethods(BindingFlags.Public | BindingFlags.Static).Where(method => method.Name.StartsWith("Map", StringComparison.Ordinal) && method.ReturnType != typeof(RouteGroupBuilder)).ToList();
        Assert.NotEmpty(ways);
        foreach (var way in ways)
        {
            var id = $"M:{way.DeclaringType!.FullName}.{way.Name}({string.Join(",", way.GetParameters().Select(parameter => NameOf(parameter.ParameterType)))});";
            Assert.True(banned.Contains(id, StringComparison.Ordinal), $"{id} is not banned");
        }
    }

    private readonly Dictionary<string, string> _people = [];
    private Dictionary<string, string> _proofs = [];

    private static string NameOf(Type type) => type.IsGenericType ? $"{type.GetGenericTypeDefinition().FullName!.Split('`')[0]}{{{string.Join(",", type.GetGenericArguments().Select(NameOf))}}}" : type.FullName!;

    private async Task<string> TokenAsync(string file) => (await File.ReadAllTextAsync(Path.Combine(Service.Data, file), Cancellation)).Trim();

    private async Task<string?> BearerAsync(string role, string organisation, Client.Computers.Computer computer)
    {
        switch (role)
        {
            case "nobody":
                return null;
            case "bootstrap":
                return await TokenAsync("bootstrap-secret");
            case "waiting computer" or "adding computer" or "reading computer":
                Service.Sql($"UPDATE devices SET rights = '{role.Split(' ')[0] switch { "waiting" => "Waiting", "adding" => "Add", _ => "Read" }}'");
                return computer.Token;
            case "restorer":
                // One that somebody asked to look into the account.
                Service.DirectorySql("UPDATE accounts SET escrow_key = 'key'");
                Service.DirectorySql("INSERT INTO browsing_sessions (session_id, account_id, person, expires_at) SELECT 'session', account_id, 'somebody', 99999999999 FROM accounts WHERE NOT EXISTS (SELECT 1 FROM browsing_sessions)");
                using (var operating = new ApiCaller(Service.Url, await TokenAsync("operator-token")))
                {
                    return (await operating.PostAsync("/v1/restorers", new { name = "restorer", url = "http://127.0.0.1:9" })).Text("token");
                }

            default:
                return await SignInAsync(role, organisation);
        }
    }

    private async Task<string> SignInAsync(string role, string organisation)
    {
        using var anybody = new ApiCaller(Service.Url);
        if (!_people.TryGetValue(role, out var email))
        {
            email = $"{role.Replace(' ', '-')}@example.org";
            var isOperator = role is "support" or "operator" or "admin" or "signed in";
            using var inviting = new ApiCaller(Service.Url, await TokenAsync(isOperator ? "bootstrap-secret" : "operator-token"));
            var code = (await inviting.PostAsync(isOperator ? "/v1/operators/invitations" : $"/v1/organisations/{organisation}/invitations", new { email, role = role == "signed in" ? "support" : role })).Text("code");
            var joined = await anybody.PostAsync("/v1/people", new { code, name = role, password = Password });
            _people[role] = email;
            if (role == "signed in")
            {
                using var admin = new ApiCaller(Service.Url, await SignInAsync("admin", organisation));
                Assert.Equal(200, (await admin.PatchAsync($"/v1/people/{joined.Body.GetProperty("person").GetProperty("person").GetString()}", new { operator_role = "none" })).Status);
            }
        }

        return await SessionAsync(email);
    }

    /// <summary>A hundred sign-ins from one address are as many as there may be.</summary>
    private async Task<string> SessionAsync(string email)
    {
        Service.DirectorySql("DELETE FROM attempts");
        using var anybody = new ApiCaller(Service.Url);
        var signedIn = await anybody.PostAsync("/v1/sign-ins", new { email, password = Password });
        Assert.True(signedIn.Status == 200, signedIn.Body.ToString());
        return signedIn.Text("token");
    }

    /// <summary>The roles of the table, and who may do each action; a person's own actions are for everybody who is signed in.</summary>
    private static (List<string> Roles, Dictionary<string, HashSet<string>> Allowed) ReadTable(out Dictionary<string, string> proofs)
    {
        var rows = File.ReadAllLines(Path.Combine(Programs.Root, "docs", "permissions.md")).Where(line => line.StartsWith('|')).Select(line => line.Trim('|').Split('|').Select(cell => cell.Trim()).ToList()).ToList();
        var roles = rows[0][1..^1];
        proofs = rows.Skip(2).ToDictionary(row => row[0].Trim('`'), row => row[^1]);
        var people = roles.Skip(roles.IndexOf("signed in")).ToList();
        return (roles, rows.Skip(2).ToDictionary(row => row[0].Trim('`'), row =>
        {
            var ticked = roles.Where((_, index) => row[index + 1] == "✓").ToHashSet();
            ticked.UnionWith(ticked.Contains("signed in") ? people : []);
            ticked.UnionWith(row[^1] == "anybody" ? ["anybody"] : []);
            return ticked;
        }));
    }
}
