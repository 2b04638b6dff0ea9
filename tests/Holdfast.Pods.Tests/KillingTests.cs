using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Pods.Tests;

/// <summary>A pod's process killed at any moment: what it acknowledged is there, byte for byte, and the next start needs nobody.</summary>
public sealed class KillingTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private static bool IsLong => Environment.GetEnvironmentVariable("HOLDFAST_TEST_LONG") == "1";

    [Theory]
    [InlineData(1, 20)]
    [InlineData(3, 40)]
    [InlineData(20, 40)]
    public async Task Whatever_was_acknowledged_survives_kills(int drives, int kills)
    {
        using var folders = new DriveFolders(drives);
        var random = new Random(drives);
        var (number, acknowledged) = (0UL, 0);
        for (var kill = 0; kill < kills * (IsLong ? 10 : 1); kill++)
        {
            using var writer = Start(folders, number, seed: kill);
            var output = writer.StandardOutput;
            Assert.Equal("open", await output.ReadLineAsync(Cancellation));
            using var moment = new PeriodicTimer(TimeSpan.FromMilliseconds(1 + random.Next(500)));
            await moment.WaitForNextTickAsync(Cancellation);
            writer.Kill();
            await writer.WaitForExitAsync(Cancellation);
            while (await output.ReadLineAsync(Cancellation) is { } line)
            {
                // A line that the kill cut is no acknowledgement.
                if (line.Split(' ') is [var done, var length] && ulong.TryParse(done, CultureInfo.InvariantCulture, out var of) && output.Peek() >= 0)
                {
                    folders.Acknowledged(of, int.Parse(length, CultureInfo.InvariantCulture));
                    acknowledged++;
                }
            }

            // Numbers are never used for two contents.
            number += 100_000;
            if (kill % 10 == 9)
            {
                if (kill % 20 == 19)
                {
                    folders.LoseIndex();
                }

                await using var store = await folders.OpenAsync();
                await folders.ReadsAllAsync(store);
                Assert.DoesNotContain(store.Status().Drives, drive => drive.State != "Up");
            }
        }

        Assert.True(acknowledged > kills, $"only {acknowledged} objects were acknowledged");
    }

    internal static Process Start(DriveFolders folders, ulong number, int seed)
    {
        // tests/Holdfast.Pods.Tests/bin/CONFIGURATION/net10.0/ → tests/Holdfast.Pods.Writer/bin/CONFIGURATION/net10.0/
        var own = new DirectoryInfo(AppContext.BaseDirectory);
        var program = Path.Combine(own.Parent!.Parent!.Parent!.Parent!.FullName, "Holdfast.Pods.Writer", "bin", own.Parent.Name, "net10.0", "Holdfast.Pods.Writer");
        return Process.Start(new ProcessStartInfo(program, [folders.ConfigurationFile, folders.State, $"{number}", $"{seed}"]) { RedirectStandardOutput = true })!;
    }
}
