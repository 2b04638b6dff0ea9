using Holdfast.Documents.Texts;

namespace Holdfast.Documents.Letters;

/// <summary>Mail as it is written: plain text. Paragraphs are parted by an empty line, and one that is set in by four spaces is a command or a code.</summary>
/// <param name="Subject">One line.</param>
/// <param name="Body">The text.</param>
/// <param name="Language">Of both.</param>
public sealed record Letter(string Subject, string Body, string Language)
{
    private const string Indent = "    ";

    /// <summary>The text is Markdown, not paragraphs.</summary>
    public bool IsMarkdown { get; init; }

    /// <summary>A letter of the wording's files. Values that come from outside are put on one line: they cannot add lines or paragraphs.</summary>
    /// <param name="language">A language; English if it is none that there is.</param>
    /// <param name="key">Which letter.</param>
    /// <param name="values">What belongs into it.</param>
    public static Letter Of(string language, string key, params object[] values)
    {
        var (words, lines) = (Wording.Of(language), (object[])[.. values.Select(value => OnOneLine(value.ToString()!))]);

        // A command is for a shell: a name in it must not be one.
        var quoted = (object[])[.. lines.Select(line => Quoted((string)line))];
        var body = words.Paragraphs($"mail_{key}", paragraph => paragraph.StartsWith(Indent, StringComparison.Ordinal) ? quoted : lines);
        return new Letter(words[$"mail_{key}_subject", lines], body, words["language"]);
    }

    /// <summary>As a POSIX shell takes it for one word.</summary>
    private static string Quoted(string text) => text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.' or ':' or '/' or '@' or '+') && text.Length > 0 ? text : $"'{text.Replace("'", "'\\''", StringComparison.Ordinal)}'";

    /// <summary>A letter with a paragraph for each of several things, between what it begins and ends with.</summary>
    /// <param name="language">A language; English if it is none that there is.</param>
    /// <param name="key">Which letter; the paragraphs stand where its text says <c>\n\n¶\n\n</c>.</param>
    /// <param name="paragraphs">Each on one line.</param>
    /// <param name="values">What else belongs into it.</param>
    public static Letter OfParagraphs(string language, string key, IEnumerable<string> paragraphs, params object[] values)
    {
        var letter = Of(language, key, values);
        return letter with { Body = letter.Body.Replace("¶", string.Join("\n\n", paragraphs.Select(OnOneLine)), StringComparison.Ordinal) };
    }

    /// <summary>What comes from outside cannot add lines.</summary>
    public static string OnOneLine(string text) => new([.. text.Select(letter => char.IsControl(letter) ? ' ' : letter)]);

    /// <summary>The paragraphs, and which of them are commands or codes.</summary>
    internal IEnumerable<(string Text, bool IsCode)> Paragraphs => Body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Select(paragraph =>
        paragraph.StartsWith(Indent, StringComparison.Ordinal) ? (paragraph.Trim(), true) : (paragraph.TrimEnd(), false));
}
