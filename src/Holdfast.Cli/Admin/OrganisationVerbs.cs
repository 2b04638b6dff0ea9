using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>The part of <c>holdfast admin</c> that is about who is what where: invitations, organisations, their members and accounts.</summary>
internal static class OrganisationVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(Invite(output));
        admin.Subcommands.Add(Organisations(output));
        admin.Subcommands.Add(Organisation(output));
    }

    private static Command Invite(Output output)
    {
        var (email, role) = (new Argument<string>("email"), new Argument<string>("role") { Description = "support, operator or admin; with --organisation owner, member, restore-only or billing." });
        var organisation = new Option<string?>("--organisation") { Description = "The organisation's id; without it, to run the service." };
        return AdminCall.Ask("invite", "Invites somebody. Where the service sends no mail, hand them the code that is shown.", [email, role, organisation], async (parsed, service, cancellation) =>
        {
            var path = parsed.GetValue(organisation) is { } id ? $"/v1/organisations/{Uri.EscapeDataString(id)}/invitations" : "/v1/operators/invitations";
            var invited = await service.SendOnceAsync(HttpMethod.Post, path, new Invite(parsed.GetRequiredValue(email), parsed.GetRequiredValue(role)), MessageJson.Default.Invite, MessageJson.Default.Invited, cancellation);
            output.Print(invited.Code ?? $"A code was sent to {invited.Email}.");
            output.Message("invited", ("email", invited.Email), ("role", invited.Role), ("code", invited.Code));
        });
    }

    private static Command Organisations(Output output) => AdminCall.List(
        "organisations", "Organisations: all, or those that you are in.", "/v1/organisations", MessageJson.Default.OrganisationList, page => (page.Organisations, page.Next), organisation => Show(output, organisation));

    private static Command Organisation(Output output)
    {
        var (name, account, role) = (new Argument<string>("name"), new Argument<string>("account") { Description = "The account's name." }, new Argument<string>("role") { Description = "owner, member, restore-only or billing." });
        var command = new Command("organisation", "Changes an organisation: customers with more than one person.");
        command.Subcommands.Add(AdminCall.Ask("create", "Makes an organisation.", [name], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
            HttpMethod.Post, "/v1/organisations", new CreateOrganisation(parsed.GetRequiredValue(name)), MessageJson.Default.CreateOrganisation, MessageJson.Default.OrganisationSummary, cancellation))));

        var (organisation, of, members) = (OrganisationArgument(), OrganisationArgument(), OrganisationArgument());
        command.Subcommands.Add(AdminCall.Act(output, "assign", "Gives an account to an organisation.", [account, organisation], (parsed, service, cancellation) => service.SendOnceAsync(HttpMethod.Put, $"/v1/accounts/{AdminCall.Part(parsed, account)}/organisation",
            new AssignAccount(parsed.GetRequiredValue(organisation)), MessageJson.Default.AssignAccount, MessageJson.Default.AccountSummary, cancellation), "It is theirs."));
        command.Subcommands.Add(AdminCall.List("members", "Who is in it.", "/v1/organisations/{of}/members", MessageJson.Default.MemberList, page => (page.Members, page.Next), member =>
        {
            output.Print($"{member.Person}  {member.Role,-12}  {member.Email,-32}  {member.Name}");
            output.Message("member", ("person", member.Person), ("role", member.Role), ("email", member.Email), ("name", member.Name));
        }, members));
        var (changed, removed, from) = (PeopleVerbs.PersonArgument(), PeopleVerbs.PersonArgument(), OrganisationArgument());
        command.Subcommands.Add(AdminCall.Act(output, "role", "Gives a member another role.", [of, changed, role], (parsed, service, cancellation) => service.SendOnceAsync(HttpMethod.Patch, MemberPath(parsed, of, changed),
            new ChangeMember(parsed.GetRequiredValue(role)), MessageJson.Default.ChangeMember, MessageJson.Default.MemberSummary, cancellation), "Changed."));
        command.Subcommands.Add(AdminCall.Act(output, "remove", "Takes somebody out.", [from, removed], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, MemberPath(parsed, from, removed), cancellation), "They are out."));
        return command;
    }

    private static string MemberPath(ParseResult parsed, Argument<string> organisation, Argument<string> person) =>
        $"/v1/organisations/{AdminCall.Part(parsed, organisation)}/members/{AdminCall.Part(parsed, person)}";

    private static void Show(Output output, OrganisationSummary organisation)
    {
        output.Print($"{organisation.Organisation}  {AdminVerb.At(organisation.CreatedAt)}  {organisation.Name}");
        output.Message("organisation", ("organisation", organisation.Organisation), ("name", organisation.Name), ("created_at", organisation.CreatedAt));
    }

    private static Argument<string> OrganisationArgument() => new("organisation") { Description = "Its id, as `holdfast admin organisations` shows it." };
}
