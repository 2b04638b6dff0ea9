using System.CommandLine;
using System.Globalization;
using Holdfast.Client;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

internal static class RestoreVerb
{
    public static Command Build(Output output)
    {
        var snapshot = new Argument<string>("snapshot") { Description = "A snapshot's id, its first digits, latest, or a day or moment (2026-11-03, 2026-11-03T14:00Z): the newest that is not later." };
        var target = new Option<string>("--target", "-t") { Description = "Where to restore to; the snapshot's absolute paths appear below it. With --archive the file to write, or - for standard output." };
        var include = Flags.List("--include", "Restores only this path and what is below it; several are allowed.", "-i");
        var archive = Flags.Text("--archive", "Writes one archive instead of files: zip (opened everywhere; ZIP64) or tar (pax: every name, owner and attribute).");
        var encryptTo = Flags.List("--encrypt-to", "Encrypts the archive to a public key of age (age1…), or to several: whoever has the secret key opens it with `age -d`, and nobody else. Then it can be handed on by any way.");
        var share = Flags.Switch("--share", "Instead of a file: encrypts the archive, has the service keep it for a while, and shows a link. Only whoever has the link and its key opens it; the service cannot.");
        var days = new Option<int>("--share-days") { Description = "For how many days the service keeps it, up to 30.", DefaultValueFactory = _ => 7 };
        var command = new Command("restore", """
            Restores a snapshot, or parts of it: as files, or as one archive that is made on this computer.

            Examples:
              holdfast restore latest --target /tmp/restored
              holdfast restore 1f0c3a9b --target / --include /home/me/letter.txt
              holdfast restore latest --archive zip --target photos.zip --include /home/me/photos
              holdfast restore latest --archive tar --target - | ssh other tar -xpf -
              holdfast restore latest --archive zip --encrypt-to age1ql3z… --target letters.zip.age --include /home/me/letters
              holdfast restore latest --archive zip --share --include /home/me/photos
            """) { snapshot, target, include, archive, encryptTo, share, days };
        command.SetAction(async (parsed, cancellation) =>
        {
            var kind = parsed.GetValue(archive) switch
            {
                null => (ArchiveKind?)null,
                "zip" => ArchiveKind.Zip,
                "tar" => ArchiveKind.Tar,
                var other => throw new HoldfastException(FailureTable.InvalidRequest, $"'{other}' is no form of archive: zip or tar."),
            };
            var recipients = parsed.GetRequiredValue(encryptTo).Select(text => AgeRecipient.TryParse(text) ?? throw new HoldfastException(FailureTable.InvalidRequest, $"'{text}' is no public key of age, such as `age-keygen` shows.")).ToList();
            if (recipients.Count > 0 && kind is null)
            {
                throw new HoldfastException(FailureTable.InvalidRequest, "--encrypt-to is for archives: say --archive zip or --archive tar.");
            }

            if (parsed.GetValue(share))
            {
                return await ShareAsync(output, parsed.GetRequiredValue(snapshot), kind ?? throw new HoldfastException(FailureTable.InvalidRequest, "--share is for archives: say --archive zip or --archive tar."),
                    parsed.GetValue(target) is null ? parsed.GetRequiredValue(include) : throw new HoldfastException(FailureTable.InvalidRequest, "--share keeps the archive with the service: leave --target out."), recipients, parsed.GetValue(days), cancellation);
            }

            var name = parsed.GetValue(target) ?? throw new HoldfastException(FailureTable.InvalidRequest, "Say with --target where to restore to.");
            using var file = kind is null ? null : ArchiveFile.Create(name);
            var told = file is { IsStandardOutput: true } ? new Output(json: false, quiet: true) : output;
            using var session = Session.Open();
            using var account = await session.OpenAccountAsync(cancellation);
            var opened = await account.FindSnapshotAsync(parsed.GetRequiredValue(snapshot), cancellation);
            var progress = new RestoreProgress();
            var started = TimeProvider.System.GetTimestamp();
            await using (ProgressLine.Start(told, elapsed => Describe(progress, opened, elapsed) + ThrottleNotice.OnLine(session.Service.ReadThrottle, TimeProvider.System), TimeProvider.System))
            {
                if (file is null)
                {
                    await new Restore(account).RunAsync(opened, new RestoreOptions { Target = Path.GetFullPath(name), Include = parsed.GetRequiredValue(include) }, progress, cancellation);
                }
                else
                {
                    var options = new ArchiveOptions { Kind = kind!.Value, Include = parsed.GetRequiredValue(include), Scratch = session.Folders.Cache };
                    await file.WriteAsync(stream => WriteAsync(new Archive(account), opened, options, recipients, stream, progress, cancellation), cancellation);
                }
            }

            Tell(told, progress, file?.Name ?? Path.GetFullPath(name), TimeProvider.System.GetElapsedTime(started));
            ThrottleNotice.Tell(told, session.Service.ReadThrottle, TimeProvider.System);
            return progress.TroubleCount == 0 ? ExitCode.Ok : ExitCode.Partial;
        });
        return command;
    }

    private static async Task<int> ShareAsync(Output output, string name, ArchiveKind kind, IReadOnlyList<string> include, List<AgeRecipient> recipients, int days, CancellationToken cancellation)
    {
        using var session = Session.Open();
        using var account = await session.OpenAccountAsync(cancellation);
        var snapshot = await account.FindSnapshotAsync(name, cancellation);
        var (progress, started) = (new RestoreProgress(), TimeProvider.System.GetTimestamp());
        SharedLink link;
        await using (ProgressLine.Start(output, elapsed => Describe(progress, snapshot, elapsed), TimeProvider.System))
        {
            link = await new Share(account, session.Service, Session.Random).RunAsync(snapshot, new ArchiveOptions { Kind = kind, Include = include, Scratch = session.Folders.Cache }, recipients, days, progress, cancellation);
        }

        Tell(output, progress, "the service", TimeProvider.System.GetElapsedTime(started));
        output.Print(link.Text);
        output.Say(link.Key is { } key
            ? $"Whoever has this link opens the archive, until {LocalTime.Of(link.ExpiresAt, TimeProvider.System)}: what is behind the # is the key, and goes to nobody by itself.\n  curl -fO '{link.Url}'\n  echo {key} > key.txt; age -d -i key.txt {Path.GetFileName(link.Url)} > {Path.GetFileNameWithoutExtension(link.Url)}"
            : $"Whoever has one of the keys it was encrypted to opens the archive, until {LocalTime.Of(link.ExpiresAt, TimeProvider.System)}.");
        output.Message("shared", ("url", link.Url), ("key", link.Key), ("expires_at", link.ExpiresAt), ("length", link.Length));
        return progress.TroubleCount == 0 ? ExitCode.Ok : ExitCode.Partial;
    }

    private static async Task WriteAsync(Archive archive, OpenedSnapshot snapshot, ArchiveOptions options, List<AgeRecipient> recipients, Stream output, RestoreProgress progress, CancellationToken cancellation)
    {
        if (recipients.Count == 0)
        {
            await archive.WriteAsync(snapshot, options, output, progress, cancellation);
            return;
        }

        await using var encrypted = await AgeStream.BeginAsync(output, recipients, Session.Random, cancellation);
        await archive.WriteAsync(snapshot, options, encrypted, progress, cancellation);
        await encrypted.FinishAsync(cancellation);
    }

    private static void Tell(Output output, RestoreProgress progress, string where, TimeSpan elapsed)
    {
        output.Troubles(progress.Troubles);
        if (progress.TroubleCount > progress.Troubles.Count)
        {
            output.Say($"And {Units.Count(progress.TroubleCount - progress.Troubles.Count)} more of such entries.");
        }

        output.Say($"Restored {Units.Count(progress.Files)} files, {Units.Count(progress.Directories)} directories and {Units.Count(progress.Others)} others, "
            + $"{Units.Bytes(progress.Bytes)}, to {where} in {Units.Time(elapsed)}. Every chunk was proved.");
        output.Message("summary", ("files", progress.Files), ("directories", progress.Directories), ("others", progress.Others), ("bytes", progress.Bytes),
            ("troubles", progress.TroubleCount), ("seconds", elapsed.TotalSeconds));
    }

    private static string Describe(RestoreProgress progress, OpenedSnapshot snapshot, TimeSpan elapsed)
    {
        var share = snapshot.Body.Bytes == 0 ? 1 : Math.Min(1, progress.Bytes / (double)snapshot.Body.Bytes);
        var left = share > 0.02 ? $", {Units.Time(elapsed * ((1 - share) / share))} left" : "";
        return string.Create(CultureInfo.InvariantCulture,
            $"{Units.Bar(share)}  {Units.Time(elapsed)}{left}  {Units.Count(progress.Files)} files, {Units.Bytes(progress.Bytes)} of {Units.Bytes(snapshot.Body.Bytes)}");
    }
}
