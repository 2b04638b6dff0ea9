using System.Diagnostics;
using Holdfast.Documents.Letters;
using Holdfast.Documents.Texts;

namespace Holdfast.Documents.Tests;

/// <summary>Mail whose values come from outside.</summary>
public sealed class LetterTests
{
    [Fact]
    public void A_name_adds_no_lines_and_in_a_command_it_is_one_word_for_a_shell()
    {
        const string Name = "x\r\nBcc: a@example.org $(touch /tmp/x) `id` 'quoted' \"double\"";
        foreach (var language in Wording.Languages)
        {
            var letter = Letter.Of(language, "computer_joined", Name, "laptop", 2);
            Assert.DoesNotContain('\n', letter.Subject);
            var command = Assert.Single(letter.Body.Split('\n'), line => line.StartsWith("    holdfast", StringComparison.Ordinal)).Trim();
            using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", "holdfast() { printf '%s|' \"$@\"; }; " + command]) { RedirectStandardOutput = true })!;
            Assert.Equal($"admin|computer|retire|{Letter.OnOneLine(Name)}|2|", shell.StandardOutput.ReadToEnd());
            Assert.Contains("retire plain-name 2", Letter.Of(language, "computer_joined", "plain-name", "laptop", 2).Body, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Every_letter_can_be_written_in_every_language_with_the_same_values()
    {
        var keys = Wording.Of("en").Keys.ToList();
        foreach (var language in Wording.Languages)
        {
            Assert.Equal(keys.Order(StringComparer.Ordinal), Wording.Of(language).Keys.Order(StringComparer.Ordinal));
            foreach (var key in keys.Where(key => key.StartsWith("mail_", StringComparison.Ordinal) && key.EndsWith("_subject", StringComparison.Ordinal)).Select(key => key["mail_".Length..^"_subject".Length]))
            {
                Assert.NotEmpty(Letter.Of(language, key, "0", "1", "2", "3", "4", "5", "6", "7", "8").Body);
            }
        }

        Assert.Equal("In the backup account 'a':\n\none two\n\nthree\n\n", Letter.OfParagraphs("en", "digest", ["one\ntwo", "three"], "a").Body[.."In the backup account 'a':\n\none two\n\nthree\n\n".Length]);
    }
}
