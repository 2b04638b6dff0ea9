using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary>Verbs that are one request, or a list of pages.</summary>
internal static class AdminCall
{
    /// <summary>A verb that asks the service something, as whoever is signed in or has the token, and shows the answer.</summary>
    public static Command Ask(string verb, string description, IReadOnlyList<Symbol> takes, Func<ParseResult, ServiceClient, CancellationToken, Task> ask) =>
        Build(verb, description, takes, AdminVerb.Connect, async (parsed, service, cancellation) =>
        {
            await ask(parsed, service, cancellation);
            return ExitCode.Ok;
        });

    /// <summary>A verb that does one thing and says that it is done.</summary>
    public static Command Act(Output output, string verb, string description, IReadOnlyList<Symbol> takes, Func<ParseResult, ServiceClient, CancellationToken, Task> act, string done) =>
        Ask(verb, description, takes, async (parsed, service, cancellation) =>
        {
            await act(parsed, service, cancellation);
            output.Say(done);
            output.Message("done");
        });

    /// <summary>A verb that shows a list, all pages of it; <c>{of}</c> in the path is what it is a list of.</summary>
    public static Command List<TPage, TItem>(
        string verb, string description, string path, JsonTypeInfo<TPage> type, Func<TPage, (IReadOnlyList<TItem> Items, string? Next)> read, Action<TItem> show, Argument<string>? of = null) =>
        Ask(verb, description, of is null ? [] : [of], async (parsed, service, cancellation) =>
        {
            foreach (var item in await service.ListAsync(of is null ? path : path.Replace("{of}", Part(parsed, of), StringComparison.Ordinal), type, read, cancellation))
            {
                show(item);
            }
        });

    /// <summary>A verb with an exit code of its own, as whomever <paramref name="connect"/> makes it.</summary>
    public static Command Build(string verb, string description, IReadOnlyList<Symbol> takes, Func<ParseResult, ServiceClient> connect, Func<ParseResult, ServiceClient, CancellationToken, Task<int>> run)
    {
        var command = new Command(verb, description);
        foreach (var symbol in takes)
        {
            if (symbol is Argument argument)
            {
                command.Arguments.Add(argument);
            }
            else
            {
                command.Options.Add((Option)symbol);
            }
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = connect(parsed);
            return await run(parsed, service, cancellation);
        });
        return command;
    }

    /// <summary>A request that says nothing but its path.</summary>
    public static Task<TAnswer> SendAsync<TAnswer>(ServiceClient service, HttpMethod method, string path, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation) =>
        service.SendOnceAsync(method, path, new Done(), MessageJson.Default.Done, answer, cancellation);

    /// <summary>A request that says nothing but its path, and is answered by nothing but that it is done.</summary>
    public static Task<Done> SendAsync(ServiceClient service, HttpMethod method, string path, CancellationToken cancellation) => SendAsync(service, method, path, MessageJson.Default.Done, cancellation);

    /// <summary>An argument as a part of a path.</summary>
    public static string Part<T>(ParseResult parsed, Argument<T> argument) => Uri.EscapeDataString(parsed.GetRequiredValue(argument)!.ToString()!);
}
