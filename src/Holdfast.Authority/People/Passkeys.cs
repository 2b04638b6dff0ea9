using System.Buffers.Text;
using System.Net;
using System.Text.Json;
using System.Text.Json.Serialization;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Holdfast.Authority.People;

/// <summary>Passkeys (WebAuthn), by ASP.NET Core Identity. A ceremony's state waits in the directory: any node may see its end.</summary>
internal sealed class Passkeys
{
    private const string Attestation = "passkey-attestation";
    private const string Assertion = "passkey-assertion";
    private const int PasskeysMax = 20;
    private const int NameLengthMax = 100;

    private static readonly TimeSpan _ceremonyLife = TimeSpan.FromMinutes(5);

    private readonly Credentials _credentials;
    private readonly OneTimeCodes _codes;
    private readonly IDatabase _directory;
    private readonly PersonStore _store;
    private readonly AttemptLimits _limits;
    private readonly PasskeyHandler<Person> _handler;

    /// <param name="credentials">Who there is.</param>
    /// <param name="codes">Keeps ceremonies.</param>
    /// <param name="directory">The directory.</param>
    /// <param name="store">Keeps passkeys.</param>
    /// <param name="limits">Counts who asks.</param>
    /// <param name="serviceHost">Host and port under which browsers know the service, if not those that requests name.</param>
    public Passkeys(Credentials credentials, OneTimeCodes codes, IDatabase directory, PersonStore store, AttemptLimits limits, string? serviceHost)
    {
        (_credentials, _codes, _directory, _store, _limits) = (credentials, codes, directory, store, limits);
        _handler = new PasskeyHandler<Person>(credentials.Users, Options.Create(new IdentityPasskeyOptions
        {
            ServerDomain = serviceHost is null ? null : new HostString(serviceHost).Host,
            UserVerificationRequirement = "required",
            ResidentKeyRequirement = "preferred",
            ValidateOrigin = origin => ValueTask.FromResult(!origin.CrossOrigin && IsOrigin(origin.Origin, serviceHost ?? origin.HttpContext.Request.Host.Value ?? "")),
        }));
    }

    /// <summary>Begins to add a passkey.</summary>
    public async Task<PasskeyCeremony> BeginAddingAsync(Person person, HttpContext context, CancellationToken cancellation)
    {
        var options = await _handler.MakeCreationOptionsAsync(new PasskeyUserEntity { Id = person.Id, Name = person.Email, DisplayName = person.Name }, context);
        return await KeepAsync(Attestation, new Ceremony(options.AttestationState, person.Id), options.CreationOptionsJson, cancellation);
    }

    /// <summary>Adds a passkey.</summary>
    public async Task<PasskeySummary> AddAsync(Person person, string name, PasskeyAnswer answer, HttpContext context, CancellationToken cancellation)
    {
        if (name.Length is 0 or > NameLengthMax || (await _credentials.Users.GetPasskeysAsync(person)).Count >= PasskeysMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A passkey's name has 1 to {NameLengthMax} characters, and a person at most {PasskeysMax} of them.");
        }

        var ceremony = await UseAsync(Attestation, answer, cancellation);
        var result = await _handler.PerformAttestationAsync(new PasskeyAttestationContext { CredentialJson = answer.Credential.GetRawText(), AttestationState = ceremony.State, HttpContext = context });
        RethrowTrouble(result.Failure);
        if (!result.Succeeded || ceremony.Person != person.Id)
        {
            throw new HoldfastException(FailureTable.SignInFailed, "The passkey's answer does not fit its challenge.", result.Failure);
        }

        result.Passkey.Name = name;
        if (!await _store.AddPasskeyAsync(person, result.Passkey, cancellation))
        {
            throw new HoldfastException(FailureTable.Conflict, "This passkey is known here already.");
        }

        return Summary(result.Passkey);
    }

    /// <summary>Begins a sign-in. Whether somebody has the address cannot be told from the answer: only people who ask about themselves get the list of their passkeys.</summary>
    public async Task<PasskeyCeremony> BeginSignInAsync(Person? oneself, HttpContext context, CancellationToken cancellation)
    {
        await _limits.CountAsync("address", SignIns.NetworkOf(context), AttemptLimits.OfAddressMax, cancellation);
        var options = await _handler.MakeRequestOptionsAsync(oneself, context);
        return await KeepAsync(Assertion, new Ceremony(options.AssertionState, oneself?.Id), options.RequestOptionsJson, cancellation);
    }

    /// <summary>Whose passkey answered.</summary>
    public async Task<Person> CheckAsync(PasskeyAnswer answer, HttpContext context, CancellationToken cancellation)
    {
        var ceremony = await UseAsync(Assertion, answer, cancellation);
        var result = await _handler.PerformAssertionAsync(new PasskeyAssertionContext { CredentialJson = answer.Credential.GetRawText(), AssertionState = ceremony.State, HttpContext = context });
        RethrowTrouble(result.Failure);
        if (!result.Succeeded || result.User.SuspendedAt is not null || (ceremony.Person ?? result.User.Id) != result.User.Id)
        {
            throw new HoldfastException(FailureTable.SignInFailed, "The passkey is not known here, or its answer does not fit its challenge.", result.Failure);
        }

        await _limits.ReturnAsync("address", SignIns.NetworkOf(context), cancellation);

        // Its counter must rise.
        return await _store.KeepPasskeyAsync(result.User, result.Passkey, cancellation) ? result.User : throw Credentials.Refused();
    }

    public async Task<PasskeyList> ListAsync(Person person) => new([.. (await _credentials.Users.GetPasskeysAsync(person)).Select(Summary)]);

    public async Task RemoveAsync(Person person, string id, CancellationToken cancellation)
    {
        if (!Base64Url.IsValid(id) || !await _store.TakeOffPasskeyAsync(person, Base64Url.DecodeFromChars(id), cancellation))
        {
            throw new HoldfastException(FailureTable.NotFound, "You have no such passkey.");
        }
    }

    /// <summary>A database that is away is no wrong passkey.</summary>
    private static void RethrowTrouble(Exception? failure)
    {
        if (failure?.InnerException is HoldfastException trouble)
        {
            throw new HoldfastException(trouble.Kind, trouble.Message, trouble);
        }
    }

    private static PasskeySummary Summary(UserPasskeyInfo passkey) =>
        new(Base64Url.EncodeToString(passkey.CredentialId), passkey.Name ?? "", passkey.CreatedAt.ToUnixTimeSeconds(), passkey.IsBackedUp);

    /// <summary>https, but on the machine itself; and the host that the service is known by.</summary>
    private static bool IsOrigin(string? origin, string host) => Uri.TryCreate(origin, UriKind.Absolute, out var uri) && string.Equals(uri.Authority, host, StringComparison.OrdinalIgnoreCase)
        && (uri.Scheme == Uri.UriSchemeHttps || uri.Host == "localhost" || (IPAddress.TryParse(uri.Host, out var address) && IPAddress.IsLoopback(address)));

    private async Task<PasskeyCeremony> KeepAsync(string purpose, Ceremony ceremony, string options, CancellationToken cancellation) => new(
        await _codes.AddAsync(purpose, ceremony, CeremonyJson.Default.Ceremony, _ceremonyLife, cancellation), JsonElement.Parse(options));

    private async Task<Ceremony> UseAsync(string purpose, PasskeyAnswer answer, CancellationToken cancellation) =>
        await _directory.WriteAsync(transaction => _codes.UseAsync(transaction, purpose, answer.Ceremony, CeremonyJson.Default.Ceremony), cancellation)
            ?? throw new HoldfastException(FailureTable.SignInFailed, "The ceremony is unknown, over, or answered: begin anew.");
}

/// <summary>What Identity wants back when a passkey answers, and who must answer, if anybody in particular.</summary>
internal sealed record Ceremony(string? State, string? Person);

[JsonSerializable(typeof(Ceremony))]
internal sealed partial class CeremonyJson : JsonSerializerContext;
