using System.CommandLine;

namespace Holdfast.Cli;

/// <summary>Options that can also be given as HOLDFAST_… variables: --exclude-caches is HOLDFAST_EXCLUDE_CACHES. Lists take one value a line.</summary>
internal static class Flags
{
    public static Option<bool> Json { get; } = new("--json") { Description = "JSON lines instead of words; see docs/scripting.md.", Recursive = true };

    public static Option<bool> Quiet { get; } = new("--quiet", "-q") { Description = "Only what a script needs.", Recursive = true };

    public static Option<bool> Switch(string name, string description, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        DefaultValueFactory = _ => Variable(name) is "1" or "true" or "yes",
    };

    public static Option<string?> Text(string name, string description, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        DefaultValueFactory = _ => Variable(name),
    };

    public static Option<string[]> List(string name, string description, params string[] aliases) => new(name, aliases)
    {
        Description = description,
        AllowMultipleArgumentsPerToken = false,
        DefaultValueFactory = _ => Variable(name)?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [],
    };

    private static string? Variable(string name) =>
        Environment.GetEnvironmentVariable("HOLDFAST_" + name.TrimStart('-').Replace('-', '_').ToUpperInvariant()) is { Length: > 0 } value ? value : null;
}
