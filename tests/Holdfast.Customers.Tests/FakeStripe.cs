using System.Collections.Concurrent;
using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Holdfast.Customers.Tests;

/// <summary>As much of Stripe's API as cards need, on the loopback: idempotency keys, declines, intents that end once, and what it says of them afterwards. It keeps what it really took from cards.</summary>
internal sealed class FakeStripe : IAsyncDisposable
{
    public const string Key = "sk_test_holdfast";
    public const string Secret = "whsec_holdfast";

    private readonly WebApplication _app;
    private readonly ConcurrentDictionary<string, string> _known = new();
    private readonly ConcurrentDictionary<string, Intent> _intents = new();
    private int _next;

    private FakeStripe(WebApplication app) => _app = app;

    public string Url => _app.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First();

    /// <summary>Cards that are declined.</summary>
    public ConcurrentDictionary<string, bool> Declined { get; } = new();

    /// <summary>Runs behind a charge that succeeded and before the answer: whoever asked may be killed here.</summary>
    public Func<Task>? Charged { get; set; }

    /// <summary>What was taken from cards: account, intent, amount, currency.</summary>
    public IEnumerable<(string Account, string Id, long Amount, string Currency)> Taken => _intents.Values.Where(intent => intent.Status == "succeeded").Select(intent => (intent.Account, intent.Id, intent.Amount, intent.Currency));

    public static async Task<FakeStripe> StartAsync(CancellationToken cancellation)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var stripe = new FakeStripe(app);
        app.Use((context, next) => context.Request.Headers.Authorization == $"Bearer {Key}" ? next(context) : ErrorAsync(context, 401, "invalid_request_error", "Invalid API Key provided"));
        app.MapPost("/v1/customers", context => AnswerAsync(context, new JsonObject { ["id"] = stripe.NewId("cus"), ["object"] = "customer" }));
        app.MapPost("/v1/checkout/sessions", async context =>
        {
            var form = await context.Request.ReadFormAsync();
            await AnswerAsync(context, new JsonObject { ["id"] = stripe.NewId("cs"), ["object"] = "checkout.session", ["url"] = $"https://checkout.example/{form["customer"]}/{form["mode"]}" });
        });
        app.MapPost("/v1/payment_intents", stripe.CreateAsync);
        app.MapGet("/v1/payment_intents/{id}", context => stripe.WithAsync(context, intent => AnswerAsync(context, intent.Json())));
        app.MapPost("/v1/payment_intents/{id}/confirm", context => stripe.WithAsync(context, intent => stripe.ConfirmAsync(context, intent)));
        app.MapPost("/v1/payment_intents/{id}/cancel", context => stripe.WithAsync(context, intent =>
        {
            lock (intent)
            {
                if (intent.Status is "succeeded" or "canceled")
                {
                    return ErrorAsync(context, 400, "invalid_request_error", $"You cannot cancel this PaymentIntent because it has a status of {intent.Status}.");
                }

                intent.Status = "canceled";
            }

            return AnswerAsync(context, intent.Json());
        }));
        await app.StartAsync(cancellation);
        return stripe;
    }

    /// <summary>What Stripe sends of an intent that succeeded, and its signature.</summary>
    public (string Body, string Signature) PaidEvent(string id, DateTimeOffset now) => Signed("payment_intent.succeeded", _intents[id].Json(), now);

    public static (string Body, string Signature) CardEvent(string account, string customer, string method, DateTimeOffset now) => Signed("setup_intent.succeeded", new JsonObject
    {
        ["id"] = "seti_1", ["object"] = "setup_intent", ["status"] = "succeeded", ["customer"] = customer, ["payment_method"] = method, ["metadata"] = new JsonObject { ["holdfast_account"] = account },
    }, now);

    public static (string Body, string Signature) RefundEvent(string intent, string refund, long amount, string currency, DateTimeOffset now) => Signed("refund.created", new JsonObject
    {
        ["id"] = refund, ["object"] = "refund", ["status"] = "succeeded", ["payment_intent"] = intent, ["amount"] = amount, ["currency"] = currency,
    }, now);

    public static (string Body, string Signature) Signed(string type, JsonNode what, DateTimeOffset now)
    {
        var body = new JsonObject { ["id"] = "evt_1", ["object"] = "event", ["type"] = type, ["api_version"] = "2024-01-01", ["created"] = now.ToUnixTimeSeconds(), ["data"] = new JsonObject { ["object"] = what } }.ToJsonString();
        var at = now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture);
        return (body, $"t={at},v1={Convert.ToHexStringLower(HMACSHA256.HashData(Encoding.UTF8.GetBytes(Secret), Encoding.UTF8.GetBytes($"{at}.{body}")))}");
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private string NewId(string kind) => $"{kind}_{Interlocked.Increment(ref _next)}";

    private async Task CreateAsync(HttpContext context)
    {
        var form = await context.Request.ReadFormAsync();
        var said = string.Join('&', form.OrderBy(item => item.Key, StringComparer.Ordinal).Select(item => $"{item.Key}={item.Value}"));
        var intent = new Intent(NewId("pi"), form["metadata[holdfast_account]"].ToString(), long.Parse(form["amount"].ToString(), CultureInfo.InvariantCulture), form["currency"].ToString(), form["payment_method"].ToString());
        if (form["confirm"].ToString() == "true" || intent.Amount <= 0)
        {
            await ErrorAsync(context, 400, "invalid_request_error", "This is charged before it is written down, or nothing.");
            return;
        }

        var known = _known.GetOrAdd(context.Request.Headers["Idempotency-Key"].ToString(), $"{intent.Id} {said}").Split(' ', 2);
        if (known[1] != said)
        {
            await ErrorAsync(context, 400, "idempotency_error", "Keys for idempotent requests can only be used with the same parameters they were first used with.");
            return;
        }

        await AnswerAsync(context, _intents.GetOrAdd(known[0], intent).Json());
    }

    private async Task ConfirmAsync(HttpContext context, Intent intent)
    {
        lock (intent)
        {
            if (intent.Status is "succeeded" or "canceled")
            {
                intent.Refused = true;
            }
            else if (Declined.ContainsKey(intent.Card))
            {
                (intent.Status, intent.Error) = ("requires_payment_method", "Your card was declined.");
            }
            else
            {
                intent.Status = "succeeded";
            }
        }

        if (intent.Refused)
        {
            await ErrorAsync(context, 400, "invalid_request_error", $"You cannot confirm this PaymentIntent because it has a status of {intent.Status}.");
        }
        else if (intent.Status == "succeeded")
        {
            await (Charged?.Invoke() ?? Task.CompletedTask);
            await AnswerAsync(context, intent.Json());
        }
        else
        {
            await ErrorAsync(context, 402, "card_error", intent.Error!);
        }
    }

    private Task WithAsync(HttpContext context, Func<Intent, Task> action) =>
        _intents.TryGetValue((string)context.Request.RouteValues["id"]!, out var intent) ? action(intent) : ErrorAsync(context, 404, "invalid_request_error", "No such payment_intent");

    private static Task AnswerAsync(HttpContext context, JsonObject answer)
    {
        context.Response.ContentType = "application/json";
        return context.Response.WriteAsync(answer.ToJsonString());
    }

    private static Task ErrorAsync(HttpContext context, int status, string type, string message)
    {
        context.Response.StatusCode = status;
        return AnswerAsync(context, new JsonObject { ["error"] = new JsonObject { ["type"] = type, ["message"] = message } });
    }

    private sealed class Intent(string id, string account, long amount, string currency, string card)
    {
        public string Id => id;

        public string Account => account;

        public long Amount => amount;

        public string Currency => currency;

        public string Card => card;

        public string Status { get; set; } = "requires_confirmation";

        public string? Error { get; set; }

        public bool Refused { get; set; }

        public JsonObject Json() => new()
        {
            ["id"] = id, ["object"] = "payment_intent", ["status"] = Status, ["amount"] = amount, ["amount_received"] = Status == "succeeded" ? amount : 0, ["currency"] = currency,
            ["metadata"] = new JsonObject { ["holdfast_account"] = account }, ["last_payment_error"] = Error is null ? null : new JsonObject { ["type"] = "card_error", ["message"] = Error },
        };
    }
}
