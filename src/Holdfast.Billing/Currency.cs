using System.Collections.Frozen;

namespace Holdfast.Billing;

/// <summary>A currency by its code (ISO 4217), and how many digits its minor unit is behind the point.</summary>
public readonly record struct Currency
{
    private static readonly FrozenDictionary<string, int> _digits = new Dictionary<string, int>
    {
        ["AUD"] = 2, ["BGN"] = 2, ["BRL"] = 2, ["CAD"] = 2, ["CHF"] = 2, ["CZK"] = 2, ["DKK"] = 2, ["EUR"] = 2, ["GBP"] = 2, ["HUF"] = 2, ["ILS"] = 2, ["INR"] = 2, ["ISK"] = 0, ["JPY"] = 0, ["KRW"] = 0, ["KWD"] = 3,
        ["MXN"] = 2, ["NOK"] = 2, ["NZD"] = 2, ["PLN"] = 2, ["RON"] = 2, ["SEK"] = 2, ["SGD"] = 2, ["TND"] = 3, ["TRY"] = 2, ["USD"] = 2, ["ZAR"] = 2,
    }.ToFrozenDictionary();

    private Currency(string code, int digits) => (Code, Digits) = (code, digits);

    public string Code { get; }

    /// <summary>Digits behind the point.</summary>
    public int Digits { get; }

    /// <summary>Reads a code.</summary>
    /// <exception cref="BillingException">unknown currency.</exception>
    public static Currency Parse(string code) => _digits.TryGetValue(code, out var digits)
        ? new Currency(code, digits) : throw new BillingException(BillingError.UnknownCurrency, $"'{code}' is no currency that bills are written in: {string.Join(", ", _digits.Keys.Order(StringComparer.Ordinal))}.");

    public override string ToString() => Code;
}
