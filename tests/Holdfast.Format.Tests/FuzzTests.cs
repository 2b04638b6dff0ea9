using System.Diagnostics;

namespace Holdfast.Format.Tests;

/// <summary>Mutates valid bytes: a parser either reads them or says what is wrong, in bounded memory. `./fuzz` runs the same for as long as you like.</summary>
public sealed class FuzzTests
{
    private const long AllocatedMax = 256L << 20;

    public static TheoryData<string> Names => [.. FuzzTargets.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Names))]
    public void A_parser_reads_or_refuses_whatever_it_is_given(string name)
    {
        var target = FuzzTargets.All.Single(target => target.Name == name);
        target.Parse(target.Seed());
        var seconds = double.Parse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SECONDS") ?? "0.4", System.Globalization.CultureInfo.InvariantCulture);
        var seed = int.Parse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SEED") ?? "1", System.Globalization.CultureInfo.InvariantCulture);
        var random = new Random(seed);
        var started = Stopwatch.GetTimestamp();
        var refused = 0;
        while (Stopwatch.GetElapsedTime(started).TotalSeconds < seconds)
        {
            var bytes = Mutate(target.Seed(), random);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                target.Parse(bytes);
            }
            catch (MalformedObjectException)
            {
                refused++;
            }
            catch (Exception exception)
            {
                Assert.Fail($"{name} with seed {seed} threw {exception.GetType().Name} ({exception.Message}) for {Convert.ToBase64String(bytes)}");
            }

            Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, AllocatedMax);
        }

        Assert.True(refused > 0 || name is "grant" or "restorer pass" or "receipt" or "directory entry" or "blob row", "no mutation was refused");
    }

    private static byte[] Mutate(byte[] bytes, Random random)
    {
        for (var count = random.Next(1, 5); count > 0 && bytes.Length > 0; count--)
        {
            var at = random.Next(bytes.Length);
            switch (random.Next(7))
            {
                case 0: bytes[at] = (byte)random.Next(256); break;
                case 1: bytes[at] ^= (byte)(1 << random.Next(8)); break;
                case 2: bytes = bytes[..at]; break;
                case 3: bytes = [.. bytes[..at], .. bytes[at..], .. bytes[..Math.Min(at, 64)]]; break;
                case 4: bytes = [.. bytes[..at], .. bytes[Math.Min(bytes.Length, at + random.Next(1, 20))..]]; break;
                case 5: bytes.AsSpan(at, Math.Min(bytes.Length - at, random.Next(1, 9))).Fill((byte)(random.Next(2) * 255)); break;
                default: bytes = [.. bytes[..at], (byte)random.Next(256), .. bytes[at..]]; break;
            }
        }

        return bytes;
    }
}
