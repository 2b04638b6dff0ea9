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
    private const int PasswordLengthMin = 10;
    private const int PasswordLengthMax = 256;

    private readonly PersonStore _store;
    private readonly AttemptLimits _limits;

    /// <summary>Each password that is hashed takes 19 MiB and a core.</summary>
    private readonly SemaphoreSlim _hashing = new(Math.Max(1, Environment.ProcessorCount / 2));
    private int _waiting;

    public Credentials(PersonStore store, AttemptLimits limits, ILoggerFactory logging)
    {
        (_store, _limits) = (store, limits);
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
        await _limits.CountAsync("address", SignIns.AddressOf(context), AttemptLimits.OfAddressMax, cancellation);
        await _limits.CountAsync("email", key, AttemptLimits.OfEmailMax, cancellation);
        var person = await Users.FindByEmailAsync(email);
        if (!await IsPasswordAsync(person, password, cancellation) || person is not { SuspendedAt: null })
        {
            throw Refused();
        }

        var method = person.TwoFactor ? await CheckSecondAsync(person, code, recoveryCode, cancellation) : "password";
        await _limits.ForgetAsync("email", key, cancellation);
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

    /// <summary>Turns the second factor on; returns the recovery codes.</summary>
    public async Task<IReadOnlyList<string>> EnableAuthenticatorAsync(Person person, string code, CancellationToken cancellation)
    {
        if (person.AuthenticatorKey is null || !await IsAuthenticatorCodeAsync(person, code, cancellation))
        {
            throw Refused();
        }

        Require(await Users.SetTwoFactorEnabledAsync(person, true));
        return await NewRecoveryCodesAsync(person);
    }

    /// <summary>Other recovery codes; the ones before are worthless.</summary>
    public async Task<IReadOnlyList<string>> NewRecoveryCodesAsync(Person person) => person.TwoFactor
        ? [.. (await Users.GenerateNewTwoFactorRecoveryCodesAsync(person, RecoveryCodeCount))!]
        : throw new HoldfastException(FailureTable.Conflict, "There is no second factor that they would stand for.");

    /// <summary>Takes the authenticator off.</summary>
    public async Task DisableAuthenticatorAsync(Person person)
    {
        person.AuthenticatorKey = null;
        Require(await Users.SetTwoFactorEnabledAsync(person, false));
    }

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
            : (await Users.RedeemTwoFactorRecoveryCodeAsync(person, recoveryCode.Trim().ToUpperInvariant())).Succeeded ? "password+recovery" : throw Refused();
    }

    private async Task<bool> IsAuthenticatorCodeAsync(Person person, string code, CancellationToken cancellation)
    {
        var digits = code.Replace(" ", "", StringComparison.Ordinal);
        return await Users.VerifyTwoFactorTokenAsync(person, Users.Options.Tokens.AuthenticatorTokenProvider, digits) && await _store.UseAuthenticatorCodeAsync(person, digits, cancellation);
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
