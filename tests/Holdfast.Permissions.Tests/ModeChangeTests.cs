using System.Globalization;
using CsCheck;
using Holdfast.Permissions.Rules;

namespace Holdfast.Permissions.Tests;

/// <summary>Modes mean what chmod means by them.</summary>
public sealed class ModeChangeTests : IDisposable
{
    private readonly Tree _tree = new();

    private static readonly Gen<string> _clause = Gen.Select(
        Gen.OneOfConst("", "u", "g", "o", "a", "ug", "go", "uo", "ugo"),
        Gen.OneOfConst("+", "-", "="),
        Gen.OneOfConst("", "r", "w", "x", "X", "s", "t", "rw", "rX", "rwx", "rwXst", "u", "g", "o"),
        (who, operation, what) => who + operation + what);

    private static readonly Gen<string> _mode = Gen.Frequency(
        (3, _clause.Array[1, 3].Select(clauses => string.Join(',', clauses))),
        (1, Gen.Select(_clause, Gen.OneOfConst("+r", "-w", "=x", "+X"), (clause, more) => clause + more)),
        (1, Gen.UInt[0, 0xFFF].Select(mode => Convert.ToString(mode, 8).PadLeft(4, '0'))),
        (1, Gen.UInt[0, 0xFFF].Select(mode => "0" + Convert.ToString(mode, 8).PadLeft(4, '0'))),
        (1, Gen.OneOfConst("+644", "-022", "=0750", "=7777")));

    /// <summary>Thousands of modes at once: chmod is asked once for each, for a file and for a directory.</summary>
    [Fact]
    public async Task Mean_what_chmod_means_by_them()
    {
        const uint Mask = 0x12;
        var samples = new List<(string Mode, uint Before)>();
        var random = new Random(7);
        var refused = 0;
        Gen.Select(_mode, Gen.UInt[0, 0xFFF]).Sample((mode, before) =>
        {
            lock (samples)
            {
                samples.Add((mode, before));
            }
        }, iter: 300, threads: 1);
        var script = string.Join('\n', samples.Select((sample, i) =>
            $"touch f{i}; mkdir d{i}; chmod {Convert.ToString(sample.Before, 8).PadLeft(5, '0')} f{i} d{i}; chmod -- '{sample.Mode}' f{i} d{i} 2>/dev/null || :"));
        var before = string.Join('\n', samples.Select((_, i) => $"stat -c %a f{i} d{i}"));
        var output = await Shell.ShAsync($"cd '{_tree.Root}'; umask 022; {script}\n{before}", TestContext.Current.CancellationToken);
        var modes = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => Convert.ToUInt32(line, 8)).ToList();
        Assert.Equal(2 * samples.Count, modes.Count);
        for (var i = 0; i < samples.Count; i++)
        {
            ModeChange change;
            try
            {
                change = ModeChange.Parse(samples[i].Mode, Mask);
            }
            catch (PermissionException exception) when (exception.Message.Contains("another result", StringComparison.Ordinal))
            {
                refused++;
                continue;
            }

            Assert.True(modes[2 * i] == change.Apply(samples[i].Before, isDirectory: false), string.Create(CultureInfo.InvariantCulture, $"file: {samples[i].Mode} of {Convert.ToString(samples[i].Before, 8)} is {Convert.ToString(modes[2 * i], 8)}, not {Convert.ToString(change.Apply(samples[i].Before, false), 8)}"));
            Assert.True(modes[(2 * i) + 1] == change.Apply(samples[i].Before, isDirectory: true), string.Create(CultureInfo.InvariantCulture, $"directory: {samples[i].Mode} of {Convert.ToString(samples[i].Before, 8)} is {Convert.ToString(modes[(2 * i) + 1], 8)}, not {Convert.ToString(change.Apply(samples[i].Before, true), 8)}"));
        }

        Assert.InRange(refused, 0, samples.Count / 2);
    }

    [Theory]
    [InlineData("")]
    [InlineData("8")]
    [InlineData("77777")]
    [InlineData("u")]
    [InlineData("rwx")]
    [InlineData("u=rwx,")]
    [InlineData(",u=r")]
    [InlineData("u=rq")]
    [InlineData("u=644")]
    [InlineData("uz=r")]
    [InlineData("0644 ")]
    public void That_are_none_are_refused(string mode) =>
        Assert.Equal(PermissionProblem.Invalid, Assert.Throws<PermissionException>(() => ModeChange.Parse(mode, 0)).Problem);

    /// <summary>A run that was killed repeats some of what it did.</summary>
    [Fact]
    public void That_do_not_settle_are_refused()
    {
        var exception = Assert.Throws<PermissionException>(() => ModeChange.Parse("u=g,g=o", 0));
        Assert.Contains("another result", exception.Message, StringComparison.Ordinal);
    }

    public void Dispose() => _tree.Dispose();
}
