using System.Collections.Frozen;
using System.Globalization;
using System.Text.Json;

namespace Holdfast.Documents.Texts;

/// <summary>What documents and mail say, by language: a JSON file each, beside this one. A language that is not there reads English.</summary>
public sealed class Wording
{
    private const string Fallback = "en";

    private static readonly FrozenDictionary<string, Wording> _all = typeof(Wording).Assembly.GetManifestResourceNames().Where(name => name.EndsWith(".json", StringComparison.Ordinal))
        .ToFrozenDictionary(name => name[..^".json".Length], name => new Wording(Read(name)));

    private readonly FrozenDictionary<string, string> _texts;

    private Wording(FrozenDictionary<string, string> texts) => _texts = texts;

    /// <summary>Languages that there are.</summary>
    public static IReadOnlyCollection<string> Languages => _all.Keys;

    /// <summary>The text's keys.</summary>
    internal IEnumerable<string> Keys => _texts.Keys;

    public static Wording Of(string language) => _all.GetValueOrDefault(language) ?? _all[Fallback];

    /// <summary>A text with what belongs into it.</summary>
    /// <exception cref="KeyNotFoundException">There is no such text.</exception>
    public string this[string key, params object[] values] => string.Format(CultureInfo.InvariantCulture, _texts[key], values);

    /// <summary>A text whose paragraphs differ in what belongs into them.</summary>
    /// <exception cref="KeyNotFoundException">There is no such text.</exception>
    internal string Paragraphs(string key, Func<string, object[]> values) =>
        string.Join("\n\n", _texts[key].Split("\n\n").Select(paragraph => string.Format(CultureInfo.InvariantCulture, paragraph, values(paragraph))));

    private static FrozenDictionary<string, string> Read(string name)
    {
        using var stream = typeof(Wording).Assembly.GetManifestResourceStream(name)!;
        return JsonSerializer.Deserialize<Dictionary<string, string>>(stream)!.ToFrozenDictionary();
    }
}
