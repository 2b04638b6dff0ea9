using System.CommandLine;
using System.Globalization;
using System.Text.Json.Nodes;
using Holdfast.Client.Connecting;
using Holdfast.Protocol.Messages;

namespace Holdfast.Cli.Admin;

/// <summary><c>holdfast admin restore|browse|restorer</c>: managed accounts, looked into and restored from without one of their computers.</summary>
internal static class RestoreVerbs
{
    private static readonly TimeSpan _askEvery = TimeSpan.FromSeconds(1);

    public static void AddTo(Command admin, Output output)
    {
        admin.Subcommands.Add(Restore(output));
        admin.Subcommands.Add(Browse(output));
        admin.Subcommands.Add(Restorer(output));
    }

    private static Command Restore(Output output)
    {
        var (account, id, file) = (Account(), new Argument<string>("ID") { Description = "The archive's id." }, new Argument<string>("FILE") { Description = "Where to." });
        var snapshot = new Argument<string>("SNAPSHOT") { Description = "The snapshot's id, all of it (`holdfast admin browse ACCOUNT`)." };
        var include = new Option<string[]>("--include", "-i") { Description = "Only this path and what is below it; several are allowed.", AllowMultipleArgumentsPerToken = false, DefaultValueFactory = _ => [] };
        var wait = new Option<bool>("--wait") { Description = "Waits until it is ready." };
        return new Command("restore", """
            Archives of managed accounts, made by the service: asked for, waited for, fetched. Accounts whose owners alone have the keys are restored on their computers (`holdfast restore`).

            Examples:
              holdfast admin browse smith
              holdfast admin restore prepare smith 1f0c… --include /home/smith/photos --wait
              holdfast admin restore fetch smith 0199… photos.zip
            """)
        {
            AdminCall.Ask("prepare", "Asks for a ZIP of a snapshot, or of parts of it.", [account, snapshot, include, wait], async (parsed, service, cancellation) =>
            {
                var path = $"/v1/accounts/{AdminCall.Part(parsed, account)}/restores";
                var asked = new PrepareRestore(parsed.GetRequiredValue(snapshot), parsed.GetRequiredValue(include));
                var restore = await service.SendOnceAsync(HttpMethod.Post, path, asked, MessageJson.Default.PrepareRestore, MessageJson.Default.PreparedRestore, cancellation);
                await using (ProgressLine.Start(output, elapsed => $"{Units.Time(elapsed)}  {restore.State}  {Units.Count(restore.Files)} files, {Units.Bytes(restore.Bytes)}{(restore.BytesTotal == 0 ? "" : $" of {Units.Bytes(restore.BytesTotal)}")}", TimeProvider.System))
                {
                    using var timer = new PeriodicTimer(_askEvery);
                    while (parsed.GetValue(wait) && restore.State is "waiting" or "preparing" && await timer.WaitForNextTickAsync(cancellation))
                    {
                        restore = await service.GetAtAsync($"{path}/{restore.Id}", MessageJson.Default.PreparedRestore, cancellation);
                    }
                }

                Show(output, restore);
            }),
            AdminCall.List("list", "Archives, the latest first.", "/v1/accounts/{of}/restores", MessageJson.Default.PreparedRestoreList, page => (page.Restores, page.Next), (PreparedRestore restore) => Show(output, restore), account),
            AdminCall.Ask("show", "How far an archive is.", [account, id], async (parsed, service, cancellation) => Show(output, await service.GetAtAsync(PathOf(parsed, account, id), MessageJson.Default.PreparedRestore, cancellation))),
            AdminCall.Ask("cancel", "Ends an archive, or has it deleted.", [account, id], async (parsed, service, cancellation) =>
                Show(output, await AdminCall.SendAsync(service, HttpMethod.Delete, PathOf(parsed, account, id), MessageJson.Default.PreparedRestore, cancellation))),
            AdminCall.Ask("link", "A link to an archive that is ready, good for a day. Whoever has it has what is in the archive.", [account, id], async (parsed, service, cancellation) =>
            {
                var link = await LinkAsync(parsed, service, account, id, cancellation);
                output.Print(link.Url);
                output.Message("restore_link", ("url", link.Url), ("expires_at", link.ExpiresAt));
            }),
            AdminCall.Ask("fetch", "Fetches an archive that is ready; run again, it goes on where it broke off.", [account, id, file], async (parsed, service, cancellation) =>
            {
                var (link, download) = (await LinkAsync(parsed, service, account, id, cancellation), new Download(Path.GetFullPath(parsed.GetRequiredValue(file)), parsed.GetRequiredValue(id)));
                await using (ProgressLine.Start(output, elapsed => $"{Units.Time(elapsed)}  {Units.Bytes(download.Arrived)} of {Units.Bytes(download.Length)}", TimeProvider.System))
                {
                    await download.RunAsync(new Uri(link.Url), cancellation);
                }

                output.Say($"{download.Path}: {Units.Bytes(download.Length)}.");
                output.Message("fetched", ("file", download.Path), ("bytes", download.Length));
            }),
        };
    }

    private static Command Browse(Output output)
    {
        var account = Account();
        var snapshot = new Argument<string?>("SNAPSHOT") { Description = "A snapshot's id, or latest.", Arity = ArgumentArity.ZeroOrOne };
        var path = new Argument<string?>("PATH") { Description = "A directory in it; / unless given.", Arity = ArgumentArity.ZeroOrOne };
        var search = new Option<string?>("--search") { Description = "Entries below the directory whose names contain this." };
        return AdminCall.Ask("browse", """
            What is in a managed account: its snapshots, or a directory of one. Each use opens a session that stands in the audit log.

            Examples:
              holdfast admin browse smith
              holdfast admin browse smith latest /home/smith
              holdfast admin browse smith latest / --search invoice
            """, [account, snapshot, path, search], async (parsed, service, cancellation) =>
        {
            var root = $"/v1/accounts/{AdminCall.Part(parsed, account)}/browsing";
            var session = await AdminCall.SendAsync(service, HttpMethod.Post, root, MessageJson.Default.BrowsingOpened, cancellation);
            var snapshots = await service.GetAtAsync($"{root}/{session.Session}/snapshots", MessageJson.Default.BrowsedSnapshots, cancellation);
            if (parsed.GetValue(snapshot) is not { } name)
            {
                foreach (var one in snapshots.Snapshots)
                {
                    output.Print($"{one.Id}  {AdminVerb.At(one.ReceivedAt)}  {one.Computer}  {Units.Count(one.Files)} files, {Units.Bytes(one.Bytes)}  {string.Join(' ', one.Paths)}");
                    output.Message("snapshot", ("id", one.Id), ("computer", one.Computer), ("taken_at", one.TakenAt), ("received_at", one.ReceivedAt), ("files", one.Files), ("bytes", one.Bytes), ("paths", new JsonArray([.. one.Paths.Select(item => (JsonNode)item)])));
                }

                return;
            }

            var id = name == "latest" && snapshots.Snapshots is [var latest, ..] ? latest.Id : name;
            var question = $"{root}/{session.Session}/snapshots/{Uri.EscapeDataString(id)}/entries?path={Uri.EscapeDataString(parsed.GetValue(path) ?? "/")}" + (parsed.GetValue(search) is { } text ? $"&search={Uri.EscapeDataString(text)}" : "");
            for (string? after = ""; after is not null;)
            {
                var page = await service.GetAtAsync(question + (after.Length == 0 ? "" : $"&after={Uri.EscapeDataString(after)}"), MessageJson.Default.BrowsedEntries, cancellation);
                foreach (var entry in page.Entries)
                {
                    Show(output, entry);
                }

                after = page.Next == after ? null : page.Next;
                if (!page.IsComplete)
                {
                    output.Say("There may be more: search below a directory nearer to it.");
                }
            }
        });
    }

    private static Command Restorer(Output output)
    {
        var (name, url) = (new Argument<string>("NAME") { Description = "The restorer's name." }, new Argument<string>("URL") { Description = "Where customers reach it." });
        return new Command("restorer", """
            Processes that hold escrow keys (`holdfastd restorer run`).

            Example:
              holdfast admin restorer add main https://restores.example.org > /etc/holdfast/restorer-token
            """)
        {
            AdminCall.Ask("add", "Registers a restorer and prints its token, once; one of that name gets another.", [name, url], async (parsed, service, cancellation) =>
            {
                var added = await service.SendOnceAsync(HttpMethod.Post, "/v1/restorers", new RegisterRestorer(parsed.GetRequiredValue(name), parsed.GetRequiredValue(url)), MessageJson.Default.RegisterRestorer, MessageJson.Default.RestorerRegistered, cancellation);
                output.Print(added.Token);
                output.Message("restorer_registered", ("name", added.Name), ("token", added.Token));
            }),
            AdminCall.Ask("list", "Restorers, and when each was heard of last.", [], async (_, service, cancellation) =>
            {
                foreach (var one in (await service.GetAtAsync("/v1/restorers", MessageJson.Default.RestorerList, cancellation)).Restorers)
                {
                    output.Print($"{one.Name}  {one.Url}  {(one.SeenAt is { } at ? $"heard of {AdminVerb.At(at)}" : "not heard of yet")}");
                    output.Message("restorer", ("name", one.Name), ("url", one.Url), ("seen_at", one.SeenAt));
                }
            }),
            AdminCall.Act(output, "remove", "Makes a restorer's token worthless.", [name], (parsed, service, cancellation) => AdminCall.SendAsync(service, HttpMethod.Delete, $"/v1/restorers/{AdminCall.Part(parsed, name)}", cancellation), "The restorer is removed."),
        };
    }

    private static void Show(Output output, PreparedRestore restore)
    {
        output.Print($"{restore.Id}  {restore.State}  snapshot {restore.Snapshot[..8]}  {Units.Count(restore.Files)} files, {Units.Bytes(restore.Bytes)}{(restore.ExpiresAt is { } at && restore.State == "ready" ? $"  until {AdminVerb.At(at)}" : "")}"
            + (restore.Troubles == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $"  {restore.Troubles} not as they were: see holdfast-report.txt in it")) + (restore.Failure is null ? "" : $"  {restore.Failure}"));
        output.Message("prepared_restore", ("id", restore.Id), ("snapshot", restore.Snapshot), ("state", restore.State), ("files", restore.Files), ("bytes", restore.Bytes), ("bytes_total", restore.BytesTotal), ("length", restore.Length),
            ("troubles", restore.Troubles), ("expires_at", restore.ExpiresAt), ("failure", restore.Failure));
    }

    private static void Show(Output output, BrowsedEntry entry)
    {
        var (text, exact) = Paths.Show(entry.PathBytes);
        output.Print($"{entry.Mode.PadLeft(4, '0')} {entry.Size,12} {AdminVerb.At(entry.ModifiedAt)} {text}{(entry.Type == "directory" ? "/" : "")}");
        output.Message("node", ("path", text), ("path_b64", exact), ("type", entry.Type), ("size", entry.Size), ("modified_at", entry.ModifiedAt), ("mode", entry.Mode));
    }

    private static Argument<string> Account() => new("ACCOUNT") { Description = "The account's name." };

    private static string PathOf(ParseResult parsed, Argument<string> account, Argument<string> id) => $"/v1/accounts/{AdminCall.Part(parsed, account)}/restores/{AdminCall.Part(parsed, id)}";

    private static Task<RestoreLink> LinkAsync(ParseResult parsed, ServiceClient service, Argument<string> account, Argument<string> id, CancellationToken cancellation) =>
        AdminCall.SendAsync(service, HttpMethod.Post, $"{PathOf(parsed, account, id)}/link", MessageJson.Default.RestoreLink, cancellation);
}
