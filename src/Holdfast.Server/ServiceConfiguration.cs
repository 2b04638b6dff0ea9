using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority;
using Holdfast.Authority.Billing;
using Holdfast.Authority.Databases;
using Holdfast.Authority.Mailing;
using Holdfast.Authority.SelfBackups;
using Holdfast.Authority.Status;
using Holdfast.Protocol.Failures;

namespace Holdfast.Server;

/// <summary>The file <c>holdfastd.json</c> in the data folder, if there is one: where the databases and the keys are, when they are not in that folder.</summary>
internal sealed record ServiceConfiguration
{
    public const string FileName = "holdfastd.json";

    /// <summary>The database of people and accounts.</summary>
    public string? Directory { get; init; }

    /// <summary>Where the directory is to move to while the service runs; once it has, <see cref="Directory"/> is set to it.</summary>
    public string? NextDirectory { get; init; }

    /// <summary>The stores of accounts, by name.</summary>
    public IReadOnlyDictionary<string, string>? Stores { get; init; }

    /// <summary>The store that is the home of new accounts.</summary>
    public string? NewAccounts { get; init; }

    /// <summary>The folder of the authority's keys, shared by all its nodes.</summary>
    public string? Keys { get; init; }

    /// <summary>What https is served with.</summary>
    public TlsFiles? Tls { get; init; }

    /// <summary>How mail is sent; without it codes are handed on by whoever makes them.</summary>
    public MailSettings? Mail { get; init; }

    /// <summary>Who gets mail of alerts; without it all operators and admins.</summary>
    public IReadOnlyList<string>? AlertMail { get; init; }

    /// <summary>How invoices are issued; without it none are.</summary>
    public BillingSettings? Billing { get; init; }

    /// <summary>Identity providers that people may sign in by.</summary>
    public IReadOnlyList<IdentityProvider>? IdentityProviders { get; init; }

    /// <summary>Addresses of proxies on other machines that say in X-Forwarded-For for whom they ask; those on this one always may.</summary>
    public IReadOnlyList<string>? Proxies { get; init; }

    /// <summary>Where traces go (OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces); without it nowhere.</summary>
    public Uri? Traces { get; init; }

    /// <summary>For how many days an account that is being closed can be taken back; 30 unless set.</summary>
    public int? ClosingGraceDays { get; init; }

    /// <summary>How often the service copies its own databases to its pod; 24 unless set.</summary>
    public int? SelfBackupEveryHours { get; init; }

    /// <summary>How many of those copies are kept; 14 unless set.</summary>
    public int? SelfBackupsKept { get; init; }

    /// <summary>Trees of files on this node, by name: how many files each has is counted once a day, and admins may have their permissions changed.</summary>
    public IReadOnlyDictionary<string, string>? Trees { get; init; }

    /// <summary>Commands that maintenance windows may run on this node, by name: a program and its arguments.</summary>
    public IReadOnlyDictionary<string, IReadOnlyList<string>>? Commands { get; init; }

    /// <summary>Where the status page is written, and how it is brought elsewhere; without it nowhere.</summary>
    public StatusSettings? Status { get; init; }

    /// <summary>True if everything is in the data folder: one process, no other database.</summary>
    [JsonIgnore]
    public bool IsEmbedded => Directory is null;

    /// <summary>Reads and checks it; without the file everything is in the data folder.</summary>
    public static ServiceConfiguration Read(string root)
    {
        var path = Path.Combine(root, FileName);
        if (!File.Exists(path))
        {
            return new ServiceConfiguration();
        }

        try
        {
            var read = JsonSerializer.Deserialize(File.ReadAllBytes(path), ConfigurationJson.Default.ServiceConfiguration) ?? new ServiceConfiguration();
            return read.Check() is { } trouble ? throw new HoldfastException(FailureTable.InvalidRequest, $"{path}: {trouble}") : read;
        }
        catch (JsonException exception)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"{path}: {exception.Message} See `holdfastd config explain`.", exception);
        }
    }

    public DatabaseSources DatabasesOf(string root) => IsEmbedded ? DatabaseSources.InFolder(root) : new DatabaseSources(
        DatabaseSource.Rooted(Directory!, Path.GetFullPath(root)), Stores!.ToDictionary(store => store.Key, store => DatabaseSource.Rooted(store.Value, Path.GetFullPath(root))), NewAccounts ?? Stores!.Keys.First(),
        NextDirectory is null ? null : DatabaseSource.Rooted(NextDirectory, Path.GetFullPath(root)));

    /// <summary>The PEM files' paths; null if none are named.</summary>
    public TlsFiles? TlsOf(string root) => Tls is null ? null : new TlsFiles(Path.GetFullPath(Tls.Certificate, Path.GetFullPath(root)), Path.GetFullPath(Tls.Key, Path.GetFullPath(root)));

    /// <summary>What the operator decides about the service.</summary>
    public AuthoritySettings SettingsOf(string root, SelfBackupKey key, Func<IReadOnlyList<(string, byte[])>> files) => new(
        MailOf(root), new SelfBackupSettings(key, files, TimeSpan.FromHours(SelfBackupEveryHours ?? 24), SelfBackupsKept ?? 14, Product.Version),
        (Trees ?? new Dictionary<string, string>()).ToDictionary(tree => tree.Key, tree => Path.GetFullPath(tree.Value, Path.GetFullPath(root))), Path.Combine(Path.GetFullPath(root), "journals"), TimeSpan.FromDays(ClosingGraceDays ?? 30), BillingOf(root), AlertMail, Commands: Commands, Status: Status is null ? null : Status with { Folder = Path.GetFullPath(Status.Folder, Path.GetFullPath(root)) });

    /// <summary>How mail is sent, with its file's path; null if none is.</summary>
    public MailSettings? MailOf(string root) => Mail is null ? null : Mail with { PasswordFile = Mail.PasswordFile is null ? null : Path.GetFullPath(Mail.PasswordFile, Path.GetFullPath(root)) };

    /// <summary>How invoices are issued, with its files' paths; null if none are.</summary>
    public BillingSettings? BillingOf(string root) => Billing?.Stripe is not { } stripe ? Billing : Billing with
    {
        Stripe = stripe with { SecretKeyFile = Path.GetFullPath(stripe.SecretKeyFile, Path.GetFullPath(root)), WebhookSecretFile = Path.GetFullPath(stripe.WebhookSecretFile, Path.GetFullPath(root)) },
    };

    /// <summary>The identity providers, with their files' paths.</summary>
    public IReadOnlyList<IdentityProvider> ProvidersOf(string root) =>
        [.. (IdentityProviders ?? []).Select(provider => provider with { ClientSecretFile = Path.GetFullPath(provider.ClientSecretFile, Path.GetFullPath(root)) })];

    public string KeysFolderOf(string root) => Path.GetFullPath(Keys ?? ".", Path.GetFullPath(root));

    private static bool IsTreeName(string name) => name.Length is > 0 and <= 64 && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '.' or '-' or '_');

    private string? Check() => (Directory, Stores?.Count ?? 0, NewAccounts) switch
    {
        (null, > 0, _) => "it names stores of accounts and no directory.",
        (null, _, not null) => "it says where new accounts go and names no stores.",
        (not null, 0, _) => "it names a directory and no store of accounts.",
        (null, _, _) when NextDirectory is not null => "it names a next directory and no directory.",
        _ when Stores?.Keys.FirstOrDefault(name => name.Contains(',', StringComparison.Ordinal)) is { } odd => $"'{odd}' is no name of a store: it has a comma.",
        (_, > 1, null) => "it names several stores: say in new_accounts which is the home of new accounts.",
        (_, _, { } home) when !Stores!.ContainsKey(home) => $"new_accounts is '{home}', which is no store in it.",
        _ when (Proxies ?? []).FirstOrDefault(proxy => !System.Net.IPAddress.TryParse(proxy, out _)) is { } odd => $"'{odd}' is no address of a proxy.",
        _ when Traces is { IsAbsoluteUri: false } => "traces is no address such as http://127.0.0.1:4318/v1/traces.",
        _ when (Trees ?? new Dictionary<string, string>()).Keys.FirstOrDefault(name => !IsTreeName(name)) is { } odd => $"'{odd}' is no name of a tree: up to 64 letters, digits, dots, dashes and underscores.",
        _ when (Commands ?? new Dictionary<string, IReadOnlyList<string>>()).FirstOrDefault(command => !IsTreeName(command.Key) || command.Value is not [{ Length: > 0 }, ..] || !Path.IsPathRooted(command.Value[0])) is { Key: { } odd } => $"'{odd}' in commands is no command: a name of up to 64 letters, digits, dots, dashes and underscores, and a list with the whole path of a program and its arguments.",
        _ when (AlertMail ?? []).FirstOrDefault(address => !address.Contains('@', StringComparison.Ordinal) || address.Any(letter => char.IsControl(letter) || char.IsWhiteSpace(letter))) is { } odd => $"'{odd}' in alert_mail is no address.",
        _ when ClosingGraceDays is < 0 or > 3650 => "closing_grace_days is 0 to 3650.",
        _ when SelfBackupEveryHours is < 1 or > 8760 => "self_backup_every_hours is 1 to 8760.",
        _ when SelfBackupsKept is < 1 or > 10_000 => "self_backups_kept is 1 to 10000.",
        _ => CheckMail() ?? CheckProviders() ?? CheckStatus() ?? Billing?.Trouble,
    };

    private string? CheckStatus() => Status switch
    {
        null => null,
        { Folder.Length: 0 } => "status names no folder.",
        { Language: var language } when !StatusSettings.Languages.Contains(language) => $"status's language is one of {string.Join(", ", StatusSettings.Languages.Order(StringComparer.Ordinal))}.",
        { TimeZone: { } zone } when !TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _) => $"'{zone}' is no time zone that this machine knows, such as Europe/Berlin (Debian has them in the package tzdata).",
        { Url: { IsAbsoluteUri: false } } => "status's url is no address such as https://status.example.org/.",
        { Upload: { } upload } when upload is not [{ Length: > 0 }, ..] || !Path.IsPathRooted(upload[0]) => "status's upload is a list with the whole path of a program and its arguments.",
        _ => null,
    };

    private string? CheckProviders()
    {
        var providers = IdentityProviders ?? [];
        return providers.FirstOrDefault(provider => string.IsNullOrEmpty(provider.Name) || provider.Name == "no-session" || provider.Issuer is null || provider.ClientId is null || provider.ClientSecretFile is null || !provider.Name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-')) is { } unnamed ? $"an identity provider has a name (letters, digits and hyphens; not '{unnamed.Name}'), an issuer, a client_id and a client_secret_file."
            : providers.GroupBy(provider => provider.Name, StringComparer.OrdinalIgnoreCase).Any(group => group.Count() > 1) ? "two identity providers have the same name."
            : providers.FirstOrDefault(provider => !Uri.TryCreate(provider.Issuer, UriKind.Absolute, out var issuer) || (issuer.Scheme != Uri.UriSchemeHttps && !issuer.IsLoopback)) is { } plain ? $"{plain.Name}'s issuer must be an https address." : null;
    }

    private string? CheckMail() => Mail switch
    {
        null => null,
        { Encryption: not ("starttls" or "tls" or "none") } => "mail's encryption is starttls, tls or none.",
        { Encryption: "none", Host: not ("localhost" or "127.0.0.1" or "::1") } => "mail would go in the clear: use starttls or tls, or a mail server on this machine.",
        { User: not null, PasswordFile: null } => "mail names a user and no password_file.",
        { Port: < 1 or > 65_535 } => "mail's port is 1 to 65535.",
        _ => null,
    };
}

/// <summary>PEM files: the certificate with those that vouch for it, and its private key. They are read again when they change.</summary>
internal sealed record TlsFiles(string Certificate, string Key);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower, UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow, ReadCommentHandling = JsonCommentHandling.Skip, AllowTrailingCommas = true)]
[JsonSerializable(typeof(ServiceConfiguration))]
internal sealed partial class ConfigurationJson : JsonSerializerContext;
