using Holdfast.Protocol.Failures;

namespace Holdfast.Format.Tests;

/// <summary>docs/errors.md says what the program does.</summary>
public sealed class DocumentTests
{
    [Fact]
    public void The_table_of_errors_is_the_programs()
    {
        var written = File.ReadAllLines(Path.Combine(AppContext.BaseDirectory, "errors.md")).Where(line => line.StartsWith("| `", StringComparison.Ordinal));
        var actual = FailureTable.All.Values.OrderBy(kind => kind.Code, StringComparer.Ordinal)
            .Select(kind => $"| `{kind.Code}` | {kind.HttpStatus} | {kind.ExitCode} | {kind.Guidance} |");
        Assert.Equal(actual, written);
    }
}
