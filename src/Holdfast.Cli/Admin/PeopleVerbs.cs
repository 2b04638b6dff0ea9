using System.CommandLine;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>Everybody who can sign in, as those see them who run the service.</summary>
internal static class PeopleVerbs
{
    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(AdminCall.List("people", "Everybody who can sign in.", "/v1/people", MessageJson.Default.PersonList, page => (page.People, page.Next), person => Show(output, person)));
        admin.Subcommands.Add(Person(output));
    }

    public static Argument<string> PersonArgument() => new("person") { Description = "Their id, as `holdfast admin people` shows it." };

    private static Command Person(Output output)
    {
        var (role, reset) = (new Argument<string>("role") { Description = "support, operator, admin, or none." }, PersonArgument());
        return new Command("person", "Changes somebody; their sessions end.")
        {
            Change("suspend", "They cannot sign in until they are resumed.", _ => new ChangePerson(Suspended: true)),
            Change("resume", "They can sign in again.", _ => new ChangePerson(Suspended: false)),
            Change("role", "What they are among those who run the service.", parsed => new ChangePerson(OperatorRole: parsed.GetRequiredValue(role)), role),
            AdminCall.Ask("reset-password", "A code with which they set another password (`holdfast admin password reset`), for somebody who gets no mail.", [reset], async (parsed, service, cancellation) =>
            {
                var code = await AdminCall.SendAsync(service, HttpMethod.Post, $"/v1/people/{AdminCall.Part(parsed, reset)}/reset-codes", MessageJson.Default.PasswordResetCode, cancellation);
                output.Print(code.Code);
                output.Message("reset_code", ("code", code.Code));
            }),
        };

        Command Change(string verb, string description, Func<ParseResult, ChangePerson> change, params Argument[] more)
        {
            var person = PersonArgument();
            return AdminCall.Ask(verb, description, [person, .. more], async (parsed, service, cancellation) => Show(output, await service.SendOnceAsync(
                HttpMethod.Patch, $"/v1/people/{AdminCall.Part(parsed, person)}", change(parsed), MessageJson.Default.ChangePerson, MessageJson.Default.PersonSummary, cancellation)));
        }
    }

    private static void Show(Output output, PersonSummary person)
    {
        output.Print($"{person.Person}  {person.OperatorRole ?? "customer",-9}  {(person.Suspended ? "suspended" : "active"),-9}  {person.Email,-32}  {person.Name}");
        output.Message("person", ("person", person.Person), ("email", person.Email), ("name", person.Name), ("operator_role", person.OperatorRole), ("suspended", person.Suspended), ("created_at", person.CreatedAt));
    }
}
