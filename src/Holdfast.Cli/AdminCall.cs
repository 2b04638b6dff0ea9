using System.CommandLine;
using System.Text.Json.Serialization.Metadata;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>One request of an admin verb.</summary>
internal static class AdminCall
{
    /// <summary>A verb that does one thing and says that it is done.</summary>
    public static Command Act(Output output, string verb, string description, IReadOnlyList<Argument> arguments, Func<ParseResult, ServiceClient, CancellationToken, Task> act, string done)
    {
        var command = new Command(verb, description);
        foreach (var argument in arguments)
        {
            command.Arguments.Add(argument);
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            await act(parsed, service, cancellation);
            output.Say(done);
            output.Message("done");
            return ExitCode.Ok;
        });
        return command;
    }

    /// <summary>A verb that shows a list, all pages of it; <c>{of}</c> in the path is what it is a list of.</summary>
    public static Command List<TPage, TItem>(
        string verb, string description, string path, JsonTypeInfo<TPage> type, Func<TPage, (IReadOnlyList<TItem> Items, string? Next)> read, Action<TItem> show, Argument<string>? of = null)
    {
        var command = new Command(verb, description);
        if (of is not null)
        {
            command.Arguments.Add(of);
        }

        command.SetAction(async (parsed, cancellation) =>
        {
            using var service = AdminVerb.Connect(parsed);
            foreach (var item in await service.ListAsync(of is null ? path : path.Replace("{of}", Uri.EscapeDataString(parsed.GetRequiredValue(of)), StringComparison.Ordinal), type, read, cancellation))
            {
                show(item);
            }

            return ExitCode.Ok;
        });
        return command;
    }

    public static Task<TAnswer> SendAsync<TRequest, TAnswer>(ServiceClient service, HttpMethod method, string path, TRequest request, JsonTypeInfo<TRequest> type, JsonTypeInfo<TAnswer> answer, CancellationToken cancellation) =>
        service.SendOnceAsync(method, path, request, type, answer, cancellation);
}
