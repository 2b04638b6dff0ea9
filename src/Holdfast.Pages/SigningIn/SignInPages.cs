using Holdfast.Pages.Calling;
using Holdfast.Protocol.Failures;
using Holdfast.Protocol.Messages;
using Microsoft.AspNetCore.Http;

namespace Holdfast.Pages.SigningIn;

/// <summary>Signing in and out, showing one's factors again, and doing without mail.</summary>
internal static class SignInPages
{
    private const int DigitsLength = 6;

    /// <summary>What the person has to correct; all else is another page.</summary>
    private static readonly FailureKind[] _wrong = [FailureTable.SignInFailed, FailureTable.SecondFactorNeeded, FailureTable.TooManyAttempts, FailureTable.InvalidRequest];

    public static void Map(PageRoutes pages)
    {
        pages.Get(WebConsole.SignInPath, call => Task.FromResult<IResult>(Form(call, null, call.Query("return"))));
        pages.Post("/sign-in", SignInAsync);
        pages.Post("/sign-out", async call =>
        {
            await call.Api.SendAsync(HttpMethod.Delete, "/v1/me/sign-ins/current", MessageJson.Default.Done, call.Cancellation);
            call.Session.Forget(call.Context);
            return Results.Redirect("/sign-in");
        });
        pages.Get("/prove", async call => Proof(await call.MeAsync(), null, call.Query("return"), call.Query("twice") is not null));
        pages.Post("/prove", ProveAsync);
        pages.Get("/unsubscribe/{token}", call => Task.FromResult<IResult>(new Page(typeof(UnsubscribePage), new() { ["Token"] = call.Part("token") })));
        pages.Post("/unsubscribe/{token}", async call =>
        {
            await call.Api.SendAsync(HttpMethod.Post, $"/v1/mail/{call.Escaped("token")}/unsubscription", MessageJson.Default.Done, call.Cancellation);
            return new Page(typeof(UnsubscribePage), new());
        });
    }

    private static async Task<IResult> SignInAsync(PageCall call)
    {
        try
        {
            var (code, recovery) = CodeOf(call);
            call.Session.Keep(call.Context, await call.Api.PostAsync("/v1/sign-ins", new SignIn(call.Field("email"), call.Field("password"), code, recovery), MessageJson.Default.SignIn, MessageJson.Default.SignedIn, call.Cancellation));
            return Results.Redirect(PageRoutes.Local(call.Field("return")));
        }
        catch (HoldfastException exception) when (_wrong.Contains(exception.Kind))
        {
            return Form(call, exception, call.Field("return"));
        }
    }

    private static async Task<IResult> ProveAsync(PageCall call)
    {
        try
        {
            await call.Api.PostAsync("/v1/me/proof", new Prove(call.Field("password"), CodeOf(call).Code), MessageJson.Default.Prove, MessageJson.Default.Proved, call.Cancellation);
            return Results.Redirect(PageRoutes.Local(call.Field("return")));
        }
        catch (HoldfastException exception) when (_wrong.Contains(exception.Kind))
        {
            return Proof(await call.MeAsync(), exception, call.Field("return"), call.Field("twice") is not null);
        }
    }

    /// <summary>Six digits are the authenticator's; anything else is a recovery code.</summary>
    private static (string? Code, string? Recovery) CodeOf(PageCall call) => call.Field("code")?.Trim() is not { Length: > 0 } code ? (null, null)
        : code.Count(char.IsAsciiDigit) == DigitsLength && code.All(letter => char.IsAsciiDigit(letter) || letter == ' ') ? (code, null) : (null, code);

    private static Page Form(PageCall call, HoldfastException? wrong, string? goOn) =>
        new(typeof(SignInPage), new() { ["Failure"] = wrong, ["Email"] = call.Field("email"), ["Return"] = PageRoutes.Local(goOn) }) { Status = wrong?.Kind.HttpStatus ?? StatusCodes.Status200OK };

    private static Page Proof(Oneself me, HoldfastException? wrong, string? goOn, bool isOfForm) =>
        new(typeof(ProofPage), new() { ["Me"] = me, ["Failure"] = wrong, ["Return"] = PageRoutes.Local(goOn), ["IsOfForm"] = isOfForm }) { Status = wrong?.Kind.HttpStatus ?? StatusCodes.Status200OK };
}
