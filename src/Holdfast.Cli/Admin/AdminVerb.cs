using System.CommandLine;
using System.Globalization;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin</c>: what people ask of the service, from anywhere. Every change and every list of the API that is for people has its verb.</summary>
internal static class AdminVerb
{
    private static readonly Option<string?> _service = Recursive(Flags.Text("--service", "The service's address, such as https://backup.example.org."));
    private static readonly Option<string?> _tokenFile = Recursive(Flags.Text("--token-file", "A file with an operator's token, or the token itself in HOLDFAST_OPERATOR_TOKEN; without either, who is signed in."));

    public static Command Build(Output output)
    {
        var command = new Command("admin", """
            The service as those see it who run it, and as the people see it whose accounts it keeps (docs/permissions.md).

            Examples:
              holdfast admin sign-in --service https://backup.example.org --email me@example.org
              holdfast admin account create "Front desk"
              holdfast admin jobs --service https://backup.example.org --token-file ~/.operator-token
              holdfast admin usage --json
              holdfast admin growth --metric stored_bytes
              holdfast admin audit --verify
            """) { _service, _tokenFile };
        AccountVerbs.AddTo(command, output);
        ComputerVerbs.AddTo(command, output);
        ClosingVerbs.AddTo(command, output);
        OrganisationVerbs.AddTo(command, output);
        GateVerbs.AddTo(command, output);
        MaintenanceVerbs.AddTo(command, output);
        IncidentVerbs.AddTo(command, output);
        ThrottleVerbs.AddTo(command, output);
        BillingVerbs.AddTo(command, output);
        InvoiceVerbs.AddTo(command, output);
        PermissionVerbs.AddTo(command, output);
        MoveVerbs.AddTo(command, output);
        ServiceVerbs.AddTo(command, output);
        UsageVerbs.AddTo(command, output);
        NotifyingVerbs.AddTo(command, output);
        VerificationVerbs.AddTo(command, output);
        SelfBackupVerbs.AddTo(command, output);
        EscrowVerbs.AddTo(command, output);
        RestoreVerbs.AddTo(command, output);
        PeopleVerbs.AddTo(command, output);
        SignInVerbs.AddTo(command, output);
        OneselfVerbs.AddTo(command, output);
        TokenVerbs.AddTo(command, output);
        return command;
    }

    /// <summary>The service, as whoever has the token.</summary>
    public static ServiceClient Connect(ParseResult parsed)
    {
        var token = parsed.GetValue(_tokenFile) is { } file ? SessionFile.Read(file) : Environment.GetEnvironmentVariable("HOLDFAST_OPERATOR_TOKEN");
        if (token is not { Length: > 0 } && SessionFile.TryRead() is var (signedInAt, session))
        {
            token = SessionFile.Origin(Service(parsed)) == signedInAt
                ? session : throw new HoldfastException(FailureTable.InvalidRequest, $"You are signed in at {signedInAt}: sign in at {Service(parsed)} first.");
        }

        return token is { Length: > 0 }
            ? new ServiceClient(Service(parsed), null, token, TimeProvider.System)
            : throw new HoldfastException(FailureTable.InvalidRequest, "Sign in first (`holdfast admin sign-in`), or name an operator's token: --token-file, or HOLDFAST_OPERATOR_TOKEN.");
    }

    /// <summary>The service, as nobody in particular.</summary>
    public static ServiceClient ConnectAsNobody(ParseResult parsed) => new(Service(parsed), null, null, TimeProvider.System);

    /// <summary>Seconds since 1970 as this computer's clock shows them.</summary>
    public static string At(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds).ToLocalTime().ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    /// <summary>Days since 1970 as a date.</summary>
    public static string Day(long day) => DateOnly.FromDayNumber((int)day + DateOnly.FromDateTime(DateTime.UnixEpoch).DayNumber).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>The service that is named, or else the one where somebody is signed in.</summary>
    public static string Service(ParseResult parsed) =>
        parsed.GetValue(_service) ?? SessionFile.TryRead()?.Service ?? throw new HoldfastException(FailureTable.InvalidRequest, "Name the service with --service or HOLDFAST_SERVICE.");

    private static Option<string?> Recursive(Option<string?> option)
    {
        option.Recursive = true;
        return option;
    }
}
