using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>Tokens for programs: one's own, and those of the service's operators.</summary>
internal static class TokenVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(AdminCall.Ask("tokens", "Your tokens for programs.", [], async (_, service, cancellation) =>
        {
            foreach (var token in (await service.GetAtAsync("/v1/me/tokens", MessageJson.Default.TokenList, cancellation)).Tokens)
            {
                output.Print($"{token.Id}  until {AdminVerb.At(token.ExpiresAt)}  {token.Name}: {string.Join(' ', token.Scopes)}");
                output.Message("token", ("id", token.Id), ("name", token.Name), ("scopes", string.Join(' ', token.Scopes)), ("created_at", token.CreatedAt), ("expires_at", token.ExpiresAt));
            }
        }));
        admin.Subcommands.Add(Token(output));
        admin.Subcommands.Add(AdminCall.List("operators", "Operators' tokens, without the tokens.", "/v1/operators", MessageJson.Default.OperatorList, page => (page.Operators, page.Next), token =>
        {
            output.Print($"{AdminVerb.At(token.CreatedAt)}  {token.Role,-9}  {token.Name}");
            output.Message("operator", ("name", token.Name), ("role", token.Role), ("created_at", token.CreatedAt));
        }));
        admin.Subcommands.Add(Operator(output));
    }

    private static Command Token(Output output)
    {
        var (name, id) = (new Argument<string>("name") { Description = "What it is for." }, new Argument<string>("id") { Description = "As `holdfast admin tokens` shows it." });
        var scopes = new Option<string[]>("--scope") { Description = "An action of docs/permissions.md; once for each.", Required = true };
        var days = new Option<int>("--days") { Description = "Until it expires.", DefaultValueFactory = _ => 90 };
        return new Command("token", "Makes or revokes a token for programs.")
        {
            AdminCall.Ask("create", "Makes a token; it is shown this once, and never may more than you.", [name, scopes, days], async (parsed, service, cancellation) =>
            {
                var made = await service.SendOnceAsync(HttpMethod.Post, "/v1/me/tokens", new CreateToken(parsed.GetRequiredValue(name), parsed.GetRequiredValue(scopes), parsed.GetValue(days)),
                    MessageJson.Default.CreateToken, MessageJson.Default.TokenCreated, cancellation);
                output.Print(made.Token);
                output.Message("token_created", ("id", made.Id), ("token", made.Token), ("expires_at", made.ExpiresAt));
            }),
            AdminCall.Act(output, "revoke", "Revokes a token.", [id], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/me/tokens/" + AdminCall.Part(parsed, id), cancellation), "It is worthless now."),
        };
    }

    private static Command Operator(Output output)
    {
        var (created, revoked) = (new Argument<string>("name") { Description = "Whose, or what for." }, new Argument<string>("name") { Description = "As `holdfast admin operators` shows it." });
        var role = new Option<string>("--role") { Description = "support, operator or admin.", DefaultValueFactory = _ => "operator" };
        return new Command("operator", "Makes or revokes an operator's token: for programs that run the service, no end but being revoked. People are invited (`holdfast admin invite`).")
        {
            AdminCall.Ask("create", "Makes a token; it is shown this once.", [created, role], async (parsed, service, cancellation) =>
            {
                var made = await service.SendOnceAsync(HttpMethod.Post, "/v1/operators", new CreateOperator(parsed.GetRequiredValue(created), parsed.GetRequiredValue(role)),
                    MessageJson.Default.CreateOperator, MessageJson.Default.OperatorCreated, cancellation);
                output.Print(made.Token);
                output.Message("operator_created", ("name", made.Name), ("token", made.Token));
            }),
            AdminCall.Act(output, "revoke", "Revokes a token.", [revoked], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, "/v1/operators/" + AdminCall.Part(parsed, revoked), cancellation), "It is worthless now."),
        };
    }
}
