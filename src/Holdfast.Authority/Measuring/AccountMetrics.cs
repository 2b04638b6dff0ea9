using System.Globalization;
using Holdfast.Authority.Accounts;
using Holdfast.Authority.Quotas;
using Holdfast.Billing;
using Holdfast.Format.Objects;

namespace Holdfast.Authority.Measuring;

/// <summary>What accounts use and how they grow, as text for Prometheus (exposition format 0.0.4); apart from the service's own metrics, because there can be a hundred thousand.</summary>
internal sealed class AccountMetrics(AccountDirectory directory, AccountUsages usages, QuotaTable quotas, TimeProvider time) : IDisposable
{
    /// <summary>Each reads much: who scrapes again before it has ended waits.</summary>
    private readonly SemaphoreSlim _one = new(1);

    private static readonly (string Name, string Help)[] _gauges =
    [
        ("stored_bytes", "What is stored, as it was counted last."), ("snapshots", "Snapshots."), ("computers", "Computers in use."),
        ("growth_bytes_per_day", "Growth a day, over 30 days."), ("quota_bytes", "What may be stored, where that is limited."),
    ];

    public async Task WriteAsync(TextWriter text, CancellationToken cancellation)
    {
        await _one.WaitAsync(cancellation);
        try
        {
            await WriteAllAsync(text, cancellation);
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private async Task WriteAllAsync(TextWriter text, CancellationToken cancellation)
    {
        var today = time.GetUtcNow().ToUnixTimeSeconds() / Month.SecondsPerDay;
        var (last, before, most) = (await usages.LastAsync(cancellation), await usages.BeforeAsync(today - Growth.Days, cancellation), await quotas.OfAccountsAsync(cancellation));
        var accounts = new List<(AccountId Id, string Label)>();
        await foreach (var account in directory.AllAsync(cancellation))
        {
            if (AccountId.TryParse(account.Account, out var id))
            {
                accounts.Add((id, $"account=\"{account.Account}\",name=\"{Escaped(account.Name)}\""));
            }
        }

        foreach (var (gauge, (name, help)) in _gauges.Index())
        {
            await text.WriteAsync($"# HELP holdfast_account_{name} {help}\n# TYPE holdfast_account_{name} gauge\n");
            foreach (var (id, label) in accounts)
            {
                if (last.GetValueOrDefault(id) is { } now && Value(gauge, now, before.GetValueOrDefault(id), most.TryGetValue(id, out var quota) ? quota : null, today) is { } value)
                {
                    await text.WriteAsync(string.Create(CultureInfo.InvariantCulture, $"holdfast_account_{name}{{{label}}} {value:R}\n"));
                }
            }
        }
    }

    private static double? Value(int gauge, AccountUsages.Usage now, (long Day, long Bytes)? before, long? quota, long today) => gauge switch
    {
        0 => now.Bytes,
        1 => now.Snapshots,
        2 => now.Computers,
        3 => before is var (day, bytes) ? Growth.PerDay(day, bytes, today, now.Bytes) : null,
        _ => quota,
    };

    private static string Escaped(string name) => name.Replace("\\", "\\\\", StringComparison.Ordinal).Replace("\"", "\\\"", StringComparison.Ordinal).Replace("\n", "\\n", StringComparison.Ordinal);
}
