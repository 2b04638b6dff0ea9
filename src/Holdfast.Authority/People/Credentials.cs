using System.Security.Cryptography;
using Holdfast.Authority.Databases;
using Holdfast.Protocol.Failures;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Holdfast.Authority.People;

/// <summary>What people show of themselves: passwords, authenticator's codes and recovery codes, by ASP.NET Core Identity.</summary>
internal sealed class Credentials : IDisposable
{
    private const int WaitingMax = 64;
    private const int RecoveryCodeCount = 10;
    private const string RecoveryAlphabet = "23456789BCDFGHJKMNPQRTVWXY";
    private const int PasswordLengthMin = 10;
    private const int PasswordLengthMax = 256;

    private readonly IDatabase _directory;
    private readonly PersonStore _store;
    private readonly AttemptLimits _limits;

    /// <summary>Each password that is hashed takes 19 MiB and a core.</summary>
    private readonly SemaphoreSlim _hashing = new(Math.Max(1, Environment.ProcessorCount / 2));
    private int _waiting;

    public Credentials(IDatabase directory, PersonStore store, AttemptLimits limits, ILoggerFactory logging)
    {
        (_directory, _store, _limits) = (directory, store, limits);
        var options = new IdentityOptions();
        (options.User.RequireUniqueEmail, options.User.AllowedUserNameCharacters) = (true, "");
        (options.Password.RequiredLength, options.Password.RequireDigit, options.Password.RequireLowercase, options.Password.RequireUppercase, options.Password.RequireNonAlphanumeric) =
            (PasswordLengthMin, false, false, false, false);
        (options.Password.RequiredUniqueChars, options.Stores.MaxLengthForKeys) = (4, 128);
        Users = new UserManager<Person>(store, Options.Create(options), new PasswordHashing(), [new UserValidator<Person>()], [new PasswordValidator<Person>()], new UpperInvariantLookupNormalizer(), new IdentityErrorDescriber(),
            null!, logging.CreateLogger<UserManager<Person>>());
        Users.RegisterTokenProvider(options.Tokens.AuthenticatorTokenProvider, new AuthenticatorTokenProvider<Person>());
    }

    public UserManager<Person> Users { get; }

    /// <summary>Signs somebody in by what they know: the person, how, and whether it was two factors.</summary>
    /// <exception cref="HoldfastException">sign_in_failed, second_factor_needed, too_many_attempts.</exception>
    public async Task<(Person Person, string Method, bool IsStrong)> CheckAsync(string email, string password, string? code, string? recoveryCode, HttpContext context, CancellationToken cancellation)
    {
        var key = Users.NormalizeEmail(email) ?? "";
        var network = SignIns.NetworkOf(context);
        await _limits.CountAsync("address", network, AttemptLimits.OfAddressMax, cancellation);
        await _limits.CountAsync("pair", $"{network} {key}", AttemptLimits.OfPairMax, cancellation);
        await _limits.CountAsync("email", key, AttemptLimits.OfEmailMax, cancellation);
        var person = await Users.FindByEmailAsync(email);
        if (!await IsPasswordAsync(person, password, cancellation) || person is not { SuspendedAt: null })
        {
            throw Refused();
        }

        var method = person.TwoFactor ? await CheckSecondAsync(person, code, recoveryCode, cancellation) : "password";
        await _limits.ReturnAsync("address", network, cancellation);
        await _limits.ReturnAsync("email", key, cancellation);
        await _limits.ForgetAsync("pair", $"{network} {key}", cancellation);
        return (person, method, person.TwoFactor);
    }

    /// <summary>The form of a password as it is kept, if it is good enough to be one.</summary>
    public async Task<string> HashAsync(Person person, string password, CancellationToken cancellation)
    {
        if (password.Length > PasswordLengthMax)
        {
            throw new HoldfastException(FailureTable.InvalidRequest, $"A password has at most {PasswordLengthMax} characters.");
        }

        foreach (var validator in Users.PasswordValidators)
        {
            Require(await validator.ValidateAsync(Users, person, password));
        }

        return await HashingAsync(() => Users.PasswordHasher.HashPassword(person, password), cancellation);
    }

    /// <summary>A key for an authenticator, which is asked for once <see cref="EnableAuthenticatorAsync"/> saw a code of it.</summary>
    public async Task<string> NewAuthenticatorAsync(Person person)
    {
        if (person.TwoFactor)
        {
            throw new HoldfastException(FailureTable.Conflict, "There is an authenticator already: take it off first.");
        }

        Require(await Users.ResetAuthenticatorKeyAsync(person));
        return person.AuthenticatorKey!;
    }

    /// <summary>Turns the second factor on; the other sessions, which did not show it, end. Returns the recovery codes.</summary>
    public async Task<IReadOnlyList<string>> EnableAuthenticatorAsync(Person person, string code, string? signIn, CancellationToken cancellation)
    {
        if (person.AuthenticatorKey is null || !await IsAuthenticatorCodeAsync(person, code, cancellation))
        {
            throw Refused();
        }

        (person.TwoFactor, person.SecurityStamp) = (true, Guid.NewGuid().ToString("N"));
        return await ReplaceCodesAsync(person, DrawRecoveryCodes(), transaction => SignIns.EndAllAsync(transaction, person.Id, signIn), cancellation);
    }

    /// <summary>Other recovery codes; the ones before are worthless.</summary>
    public Task<IReadOnlyList<string>> NewRecoveryCodesAsync(Person person, CancellationToken cancellation) => person.TwoFactor
        ? ReplaceCodesAsync(person, DrawRecoveryCodes(), _ => Task.CompletedTask, cancellation)
        : throw new HoldfastException(FailureTable.Conflict, "There is no second factor that they would stand for.");

    /// <summary>Takes the authenticator off, and its recovery codes.</summary>
    public Task DisableAuthenticatorAsync(Person person, CancellationToken cancellation)
    {
        (person.AuthenticatorKey, person.TwoFactor) = (null, false);
        return ReplaceCodesAsync(person, [], _ => Task.CompletedTask, cancellation);
    }

    /// <summary>How many recovery codes a person has left.</summary>
    public Task<int> CountRecoveryCodesAsync(Person person, CancellationToken cancellation) => _store.CountCodesAsync(person, cancellation);

    public static HoldfastException Refused() => new(FailureTable.SignInFailed, "The address, the password or the code is wrong.");

    /// <summary>Identity's refusals are what somebody typed, or that it changed meanwhile.</summary>
    public static void Require(IdentityResult result)
    {
        if (!result.Succeeded)
        {
            var isConflict = result.Errors.Any(error => error.Code == nameof(IdentityErrorDescriber.ConcurrencyFailure));
            throw new HoldfastException(isConflict ? FailureTable.PreconditionFailed : FailureTable.InvalidRequest, string.Join(' ', result.Errors.Select(error => error.Description)));
        }
    }

    public void Dispose()
    {
        Users.Dispose();
        _hashing.Dispose();
    }

    private async Task<string> CheckSecondAsync(Person person, string? code, string? recoveryCode, CancellationToken cancellation)
    {
        if (code is not null)
        {
            return await IsAuthenticatorCodeAsync(person, code, cancellation) ? "password+totp" : throw Refused();
        }

        return recoveryCode is null ? throw new HoldfastException(FailureTable.SecondFactorNeeded, "Your authenticator's code is needed, or one of your recovery codes.")
            : await _store.RedeemCodeAsync(person, recoveryCode.Trim().ToUpperInvariant(), cancellation) ? "password+recovery" : throw Refused();
    }

    /// <summary>Writes the person and the codes together.</summary>
    private Task<IReadOnlyList<string>> ReplaceCodesAsync(Person person, IReadOnlyList<string> codes, Func<DatabaseTransaction, Task> more, CancellationToken cancellation) => _directory.WriteAsync(async transaction =>
    {
        if (!await PersonStore.UpdateAsync(transaction, person))
        {
            throw new HoldfastException(FailureTable.PreconditionFailed, "You were changed meanwhile: look again.");
        }

        await PersonStore.ReplaceCodesAsync(transaction, person, codes);
        await more(transaction);
        return codes;
    }, cancellation);

    /// <summary>About 47 bits each, in letters and digits that are not mistaken for others.</summary>
    private static List<string> DrawRecoveryCodes() =>
        [.. Enumerable.Range(0, RecoveryCodeCount).Select(_ => $"{RandomNumberGenerator.GetString(RecoveryAlphabet, 5)}-{RandomNumberGenerator.GetString(RecoveryAlphabet, 5)}")];

    private async Task<bool> IsAuthenticatorCodeAsync(Person person, string code, CancellationToken cancellation)
    {
        // Only in this one form: +123456 would be the same number, and not the code that was used.
        var digits = code.Replace(" ", "", StringComparison.Ordinal);
        return digits.Length == 6 && digits.All(char.IsAsciiDigit) && await Users.VerifyTwoFactorTokenAsync(person, Users.Options.Tokens.AuthenticatorTokenProvider, digits) && await _store.UseAuthenticatorCodeAsync(person, digits, cancellation);
    }

    /// <summary>Takes as long whether there is somebody or not.</summary>
    private async Task<bool> IsPasswordAsync(Person? person, string password, CancellationToken cancellation)
    {
        if (password.Length > PasswordLengthMax)
        {
            return false;
        }

        var somebody = person ?? new Person();
        var result = await HashingAsync(() => Users.PasswordHasher.VerifyHashedPassword(somebody, person?.PasswordHash ?? PasswordHashing.OfNobody, password), cancellation);
        if (result == PasswordVerificationResult.SuccessRehashNeeded)
        {
            somebody.PasswordHash = await HashingAsync(() => Users.PasswordHasher.HashPassword(somebody, password), cancellation);

            // Whoever changed the person at the same time wins: it is done at the next sign-in.
            await _store.UpdateAsync(somebody, cancellation);
        }

        return result != PasswordVerificationResult.Failed && person?.PasswordHash is not null;
    }

    private async Task<T> HashingAsync<T>(Func<T> hash, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _waiting) > WaitingMax)
        {
            Interlocked.Decrement(ref _waiting);
            throw new HoldfastException(FailureTable.TooManyAttempts, "Too many people sign in at this moment: try again in a few seconds.");
        }

        try
        {
            await _hashing.WaitAsync(cancellation);
            try
            {
                return await Task.Run(hash, cancellation);
            }
            finally
            {
                _hashing.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _waiting);
        }
    }
}
