using System.Diagnostics;

namespace Holdfast.Scenarios.Tests;

/// <summary>The build refuses what breaks the design: tried with projects that do.</summary>
public sealed class LayerTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("Holdfast.Authority", "Holdfast.Crypto", "only the client may hold keys")]
    [InlineData("Holdfast.Pods", "Holdfast.Crypto", "only the client may hold keys")]
    [InlineData("Holdfast.Format", "Holdfast.Posix", "not in a lower layer")]
    [InlineData("Holdfast.Client", "Holdfast.Authority", "not in a lower layer")]
    [InlineData("Holdfast.Stray", "Holdfast.Format", "has no layer")]
    [InlineData("Holdfast.Client", "Holdfast.Crypto", null)]
    public async Task A_reference_builds_only_where_the_layers_allow_it(string project, string reference, string? why)
    {
        var folder = Path.Combine(Programs.Root, "artifacts", "layers", Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(folder);
        try
        {
            var file = Path.Combine(folder, project + ".csproj");
            await File.WriteAllTextAsync(file, $"""<Project Sdk="Microsoft.NET.Sdk"><ItemGroup><ProjectReference Include="{Programs.Root}/src/{reference}/{reference}.csproj" /></ItemGroup></Project>""", Cancellation);
            using var build = Process.Start(new ProcessStartInfo("dotnet", ["msbuild", file, "-t:CheckLayers", "-nologo", "-nodeReuse:false"]) { RedirectStandardOutput = true })!;
            var output = await build.StandardOutput.ReadToEndAsync(Cancellation);
            await build.WaitForExitAsync(Cancellation);
            Assert.Equal(why is null, build.ExitCode == 0);
            Assert.Contains(why ?? "", output, StringComparison.Ordinal);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }
}
