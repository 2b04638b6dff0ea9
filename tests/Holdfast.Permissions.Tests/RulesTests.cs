using System.Text;
using Holdfast.Permissions.Rules;
using Holdfast.Posix;

namespace Holdfast.Permissions.Tests;

/// <summary>Patterns, files of rules, maps and lists, and what is wrong with them.</summary>
public sealed class RulesTests
{
    [Theory]
    [InlineData("*.sh", "a/b/run.sh", true)]
    [InlineData("*.sh", "a/b/run.sh.txt", false)]
    [InlineData("b", "a/b", true)]
    [InlineData("/b", "a/b", false)]
    [InlineData("/a/b", "a/b", true)]
    [InlineData("a/b", "x/a/b", true)]
    [InlineData("a/b", "x/a/c/b", false)]
    [InlineData("/a/**", "a/b/c", true)]
    [InlineData("/a/**", "a", false)]
    [InlineData("/a/**/c", "a/c", true)]
    [InlineData("/a/**/c", "a/x/y/c", true)]
    [InlineData("/a/**/c", "a/x/y/d", false)]
    [InlineData("?", "ä", true)]
    [InlineData("[a-c]x", "bx", true)]
    [InlineData("[!a-c]x", "bx", false)]
    [InlineData("[]]", "]", true)]
    [InlineData("[a\\-z]", "-", true)]
    [InlineData("[a\\-z]", "m", false)]
    [InlineData("\\*", "*", true)]
    [InlineData("\\*", "x", false)]
    [InlineData("a*b*c", "aXbYbZc", true)]
    [InlineData("a*b*c", "aXbYbZ", false)]
    [InlineData("*", "", true)]
    [InlineData("/", "", true)]
    [InlineData("/", "a", false)]
    public void A_pattern_matches(string pattern, string path, bool matches)
    {
        var slash = path.LastIndexOf('/');
        var (directory, name) = (Encoding.UTF8.GetBytes(slash < 0 ? "" : path[..slash]), Encoding.UTF8.GetBytes(path[(slash + 1)..]));
        Assert.Equal(matches, PathPattern.Parse(pattern).Matches(directory, name));
    }

    [Fact]
    public void A_pattern_names_bytes_that_are_no_characters() => Assert.True(PathPattern.Parse("a\\xffb").Matches([], [(byte)'a', 0xFF, (byte)'b']));

    /// <summary>Going back to the last star only: no pattern takes more than the product of lengths.</summary>
    [Fact]
    public void A_pattern_of_many_stars_ends() =>
        Assert.False(PathPattern.Parse(string.Concat(Enumerable.Repeat("*a", 100)) + "b").Matches([], Encoding.UTF8.GetBytes(new string('a', 255))));

    [Theory]
    [InlineData("*.sh", "nothing is to be changed")]
    [InlineData("*.sh mode=999", "is no mode")]
    [InlineData("*.sh type=door mode=644", "no type")]
    [InlineData("*.sh owner=nobody-of-this-name", "no user")]
    [InlineData("*.sh group=nobody-of-this-name", "no group")]
    [InlineData("*.sh colour=red", "is not type=")]
    [InlineData("\"*.sh mode=644", "not closed")]
    [InlineData("[a mode=644", "no pattern")]
    [InlineData("\\x mode=644", "no pattern")]
    [InlineData("* acl=u::rwx", "no access list")]
    [InlineData("* acl=u::rwx,g::r,o::q", "made of")]
    [InlineData("* acl=u::rwx,g::r,o::r,u:0:r,u:root:r", "twice")]
    public void A_line_that_is_wrong_is_named(string line, string what)
    {
        var exception = Assert.Throws<PermissionException>(() => RulesFile.Parse($"# rules\n\n{line}\n", 0));
        Assert.Equal(PermissionProblem.Invalid, exception.Problem);
        Assert.StartsWith("Line 3", exception.Message, StringComparison.Ordinal);
        Assert.Contains(what, exception.Message, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void The_last_rule_that_fits_counts_for_what_it_names()
    {
        var rules = new PermissionRules(RulesFile.Parse("""
            *              mode=640 owner=7   # everything
            *.sh type=file mode=750
            "/a b/*"       group=9
            """, 0), null);
        var status = new EntryStatus((uint)FileKind.File | 0x1A4, 1, 1, 1, 1, 1, 1);
        Assert.Equal(new Wanted(0x1A0, 7, 1, 0x1A4, null, false), rules.Decide("x"u8, "y"u8, status));
        Assert.Equal(new Wanted(0x1E8, 7, 1, 0x1A4, null, false), rules.Decide("x"u8, "y.sh"u8, status));
        Assert.Equal(new Wanted(0x1E8, 7, 9, 0x1A4, null, false), rules.Decide("a b"u8, "y.sh"u8, status));
        Assert.Equal(new Wanted(0x1A0, 7, 1, 0x1A4, null, false), rules.Decide("x"u8, "y.sh"u8, status with { Mode = (uint)FileKind.Fifo | 0x1A4 }));
        Assert.Equal(new Wanted(null, 7, 1, 0x1FF, null, false), rules.Decide("x"u8, "link"u8, status with { Mode = (uint)FileKind.SymbolicLink | 0x1FF }));
    }

    [Theory]
    [InlineData("user 1", "is not")]
    [InlineData("user 1 2\nuser 1 3", "two places")]
    [InlineData("user nobody-of-this-name 3", "no user")]
    [InlineData("group 1 4294967295", "no group")]
    [InlineData("user 1 4120903680", "are kept")]
    [InlineData("somebody 1 2", "is not")]
    public void A_map_that_is_wrong_is_refused(string text, string what) =>
        Assert.Contains(what, Assert.Throws<PermissionException>(() => OwnerMap.Parse(text)).Message, StringComparison.Ordinal);

    /// <summary>Whatever the map, its steps one after the other do what it says once, and each repeated changes nothing.</summary>
    [Fact]
    public void A_map_in_circles_is_done_in_steps_that_can_be_repeated()
    {
        var random = new Random(3);
        for (var round = 0; round < 500; round++)
        {
            var sent = Enumerable.Range(0, 8).Where(_ => random.Next(2) == 0).ToDictionary(from => (uint)from, _ => (uint)random.Next(10));
            var map = OwnerMap.Parse(string.Join('\n', sent.Select(pair => $"user {pair.Key} {pair.Value}\ngroup {pair.Key} {pair.Value}")));
            for (uint user = 0; user < 12; user++)
            {
                var now = user;
                foreach (var step in map.Steps())
                {
                    now = step.MapUser(now);
                    Assert.Equal(now, step.MapUser(now));
                    Assert.Equal(now, step.MapGroup(now));
                }

                Assert.Equal(sent.GetValueOrDefault(user, user), now);
            }
        }
    }
}
