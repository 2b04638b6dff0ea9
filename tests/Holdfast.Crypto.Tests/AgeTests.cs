using System.Diagnostics;
using System.Security.Cryptography;
using Holdfast.Crypto.Keys;
using Holdfast.Crypto.Sealing;

namespace Holdfast.Crypto.Tests;

/// <summary>What is encrypted to keys of age is opened by age itself.</summary>
public sealed class AgeTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("holdfast-age-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_535)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(131_072)]
    [InlineData(1_000_003)]
    public async Task Each_recipient_opens_it_with_age_and_a_cut_one_is_noticed(int length)
    {
        var (content, path) = (RandomNumberGenerator.GetBytes(length), Path.Combine(_folder, "file.age"));
        AgeRecipient[] recipients = [await NewKeyAsync("one"), await NewKeyAsync("two")];
        await using (var file = File.Create(path))
        await using (var encrypted = await AgeStream.BeginAsync(file, recipients, RandomNumberGenerator.GetBytes, TestContext.Current.CancellationToken))
        {
            for (var at = 0; at < length; at += 7001)
            {
                await encrypted.WriteAsync(content.AsMemory(at, Math.Min(7001, length - at)), TestContext.Current.CancellationToken);
            }

            await encrypted.FinishAsync(TestContext.Current.CancellationToken);
        }

        foreach (var key in new[] { "one", "two" })
        {
            // Of nothing, age writes nothing.
            var opened = Path.Combine(_folder, "opened by " + key);
            Assert.Equal(0, await RunAsync("age", "-d", "-i", Path.Combine(_folder, key), "-o", opened, path));
            Assert.Equal(content, length == 0 && !File.Exists(opened) ? [] : await File.ReadAllBytesAsync(opened, TestContext.Current.CancellationToken));
        }

        await NewKeyAsync("other");
        Assert.NotEqual(0, await RunAsync("age", "-d", "-i", Path.Combine(_folder, "other"), "-o", Path.Combine(_folder, "none"), path));
        await using (var file = File.OpenWrite(path))
        {
            file.SetLength(file.Length - 1);
        }

        Assert.NotEqual(0, await RunAsync("age", "-d", "-i", Path.Combine(_folder, "one"), "-o", Path.Combine(_folder, "cut"), path));
    }

    [Fact]
    public async Task What_is_no_recipient_is_refused()
    {
        var text = (await NewKeyAsync("one")).Text;
        Assert.NotNull(AgeRecipient.TryParse(text + "\n"));
        foreach (var wrong in new[] { "", "age1", text[..^1], text + "q", text.ToUpperInvariant(), text[..10] + (text[10] == 'q' ? 'p' : 'q') + text[11..], "ssh-ed25519 AAAA", text.Replace('1', 'b') })
        {
            Assert.Null(AgeRecipient.TryParse(wrong));
        }
    }

    private async Task<AgeRecipient> NewKeyAsync(string name)
    {
        var path = Path.Combine(_folder, name);
        File.Delete(path);
        Assert.Equal(0, await RunAsync("age-keygen", "-o", path));
        return AgeRecipient.TryParse(File.ReadLines(path).Single(line => line.StartsWith("# public key: ", StringComparison.Ordinal))[14..])!;
    }

    private static async Task<int> RunAsync(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        await process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return process.ExitCode;
    }
}
