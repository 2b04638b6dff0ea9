using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Server;

/// <summary>The operator's verbs: they find the running service by its data folder, and use its API like anybody else.</summary>
internal static class OperatorCommands
{
    public static async Task<int> CreateOperatorAsync(string root, string name, CancellationToken cancellation)
    {
        var created = await SendAsync(root, DataFolder.BootstrapFile(root), HttpMethod.Post, "/v1/operators",
            JsonContent.Create(new CreateOperator(name), MessageJson.Default.CreateOperator), MessageJson.Default.OperatorCreated, cancellation);
        DataFolder.WritePrivate(DataFolder.OperatorTokenFile(root), created.Token + "\n");
        Console.WriteLine($"Operator {name} made; the token is in {DataFolder.OperatorTokenFile(root)}.");
        return ExitCode.Ok;
    }

    public static async Task<int> CreateAccountAsync(string root, string name, bool quiet, CancellationToken cancellation)
    {
        var created = await SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Post, "/v1/accounts",
            JsonContent.Create(new CreateAccount(name), MessageJson.Default.CreateAccount), MessageJson.Default.AccountCreated, cancellation);
        return PrintCode(root, created, quiet, $"Account {name} made ({created.Account}).");
    }

    public static async Task<int> CreateCodeAsync(string root, string name, bool quiet, CancellationToken cancellation)
    {
        var created = await SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Post, $"/v1/accounts/{Uri.EscapeDataString(name)}/codes",
            null, MessageJson.Default.AccountCreated, cancellation);
        return PrintCode(root, created, quiet, $"A code for account {name}.");
    }

    public static async Task<int> ListAccountsAsync(string root, CancellationToken cancellation)
    {
        for (string? cursor = null, query = ""; query is not null; query = cursor is null ? null : $"?cursor={Uri.EscapeDataString(cursor)}")
        {
            var list = await SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Get, "/v1/accounts" + query, null, MessageJson.Default.AccountList, cancellation);
            foreach (var account in list.Accounts)
            {
                Console.WriteLine($"{account.Account}  {account.State,-8}  {account.Name}");
            }

            cursor = list.Next;
        }

        return ExitCode.Ok;
    }

    public static async Task<int> RenameAccountAsync(string root, string name, string newName, CancellationToken cancellation)
    {
        var renamed = await SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Patch, $"/v1/accounts/{Uri.EscapeDataString(name)}",
            JsonContent.Create(new RenameAccount(newName), MessageJson.Default.RenameAccount), MessageJson.Default.AccountSummary, cancellation);
        Console.WriteLine($"Account {renamed.Account} is {renamed.Name} now.");
        return ExitCode.Ok;
    }

    public static async Task<int> RotateGrantKeyAsync(string root, bool revokeOld, CancellationToken cancellation)
    {
        await SendAsync(root, DataFolder.OperatorTokenFile(root), HttpMethod.Post, "/v1/grant-keys/rotation",
            JsonContent.Create(new RotateGrantKey(revokeOld), MessageJson.Default.RotateGrantKey), MessageJson.Default.GrantKeyRotated, cancellation);
        Console.WriteLine(revokeOld ? "A new key signs grants; those under the old one are worthless." : "A new key signs grants; those under the old one stay good for their life.");
        return ExitCode.Ok;
    }

    private static int PrintCode(string root, AccountCreated created, bool quiet, string sentence)
    {
        Console.WriteLine(quiet ? created.Code : $"{sentence}\nEnrol a computer with:\n  holdfast enrol {ReadUrl(root)} {created.Code}");
        return ExitCode.Ok;
    }

    /// <summary>Asks the running service, with the token in <paramref name="tokenFile"/>.</summary>
    internal static Task<T> SendAsync<T>(
        string root, string tokenFile, HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        SendAsync(root, ReadUrl(root), tokenFile, method, path, content, answer, cancellation);

    /// <summary>Asks the service's pod, in this process or in one of its own.</summary>
    internal static Task<T> SendToPodAsync<T>(string root, HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> answer, CancellationToken cancellation) =>
        DataFolder.TryReadLink(root) is { } link
            ? SendAsync(root, link.Url, DataFolder.PodSecretFile(root), method, path, content, answer, cancellation)
            : SendAsync(root, ReadUrl(root), DataFolder.BootstrapFile(root), method, path, content, answer, cancellation);

    /// <summary>Asks the service or pod at <paramref name="url"/>.</summary>
    internal static async Task<T> SendAsync<T>(
        string root, string url, string tokenFile, HttpMethod method, string path, HttpContent? content, JsonTypeInfo<T> answer, CancellationToken cancellation)
    {
        if (!File.Exists(tokenFile))
        {
            throw new HoldfastException(FailureTable.TokenInvalid, $"{tokenFile} is missing: run `holdfastd operator create NAME --data {root}` first.");
        }

        var tls = ServiceConfiguration.Read(root).TlsOf(root);
        using var http = new HttpClient(new BrokenConnections(OwnCertificate.Trust(new SocketsHttpHandler { UseProxy = !new Uri(url).IsLoopback, AllowAutoRedirect = false }, () => tls is null ? null : OwnCertificate.Read(tls)))) { BaseAddress = new Uri(url) };
        using var request = new HttpRequestMessage(method, path) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", (await File.ReadAllTextAsync(tokenFile, cancellation)).Trim());
        try
        {
            using var response = await http.SendAsync(request, cancellation);
            if (response.IsSuccessStatusCode)
            {
                return (await response.Content.ReadFromJsonAsync(answer, cancellation))!;
            }

            var problem = await response.Content.ReadFromJsonAsync(MessageJson.Default.Problem, cancellation);
            throw new HoldfastException(FailureTable.All.GetValueOrDefault(problem?.Code ?? "", FailureTable.Internal), problem?.Detail ?? "The service failed.");
        }
        catch (HttpRequestException exception)
        {
            throw new HoldfastException(FailureTable.ServiceUnavailable, $"{url} does not answer.", exception);
        }
    }

    private static string ReadUrl(string root) => File.Exists(DataFolder.ReadyFile(root))
        ? File.ReadAllText(DataFolder.ReadyFile(root)).Trim()
        : throw new HoldfastException(FailureTable.ServiceUnavailable, $"No holdfastd runs on {root}: start it with `holdfastd run --data {root}`.");
}
