using System.Text;
using Holdfast.Permissions.Journaling;
using Holdfast.Permissions.Rules;

namespace Holdfast.Permissions.Tests;

/// <summary>Whatever is given, parsers say yes or what is wrong; nothing else.</summary>
public sealed class FuzzTests
{
    private static TimeSpan Long => TimeSpan.FromSeconds(int.TryParse(Environment.GetEnvironmentVariable("HOLDFAST_FUZZ_SECONDS"), out var seconds) ? seconds : 1);

    [Fact]
    public void Modes() => FuzzText("u=rwX,g+s,o-w,+t,a=u", text => ModeChange.Parse(text, 0x12));

    [Fact]
    public void Rules() => FuzzText("*.sh type=file,link mode=u+x owner=0\n\"/a b/[a-z]\\xff**\" acl=u::rwx,g::r,o::-", text => RulesFile.Parse(text, 0x12));

    [Fact]
    public void Patterns() => FuzzText("/a/**/[!a-c\\]x]?*\\xff", text => PathPattern.Parse(text).Matches("a/b/c"u8, "x]y"u8));

    [Fact]
    public void Maps() => FuzzText("user 1 2\ngroup 3 4\nuser 2 1", text => OwnerMap.Parse(text).Steps());

    [Fact]
    public void Lists() => FuzzText("u::rwX,u:1:r-x,g::7,m::rwx,o::-,d:u::r,d:g::w,d:o::x", text => AccessList.Parse(text));

    [Fact]
    public void Journals()
    {
        var folder = Directory.CreateTempSubdirectory("holdfast-fuzz-").FullName;
        var path = Path.Combine(folder, "journal");
        using (var journal = Journal.Open(path))
        {
            var state = new JournalState { Settings = new PermissionSettings { Tree = "/x", Mode = "0644" }, Root = 5 };
            journal.Begin(state);
            journal.PassBegan(state);
            journal.Failure("a"u8, "b"u8, Posix.Errno.NoSpace);
            journal.Keep("a"u8, "b"u8, 9, 0x9ED, [1, 2, 3]);
            journal.Batch(new Walking.WalkPosition("a"u8.ToArray(), false, "b"u8.ToArray()), new EntryCounts(1, 2, 3, 4, 5), 6);
        }

        var valid = File.ReadAllBytes(path);
        Fuzz(valid, bytes =>
        {
            File.WriteAllBytes(path, bytes);
            using var journal = Journal.Open(path);
            if (journal.Read() is { } state)
            {
                _ = journal.Failures(state.PassOffset).Count();
            }
        });

        // Records whose checksum is right, whatever they say.
        Fuzz(valid, bytes =>
        {
            JournalState? state = null;
            for (var at = 0; at + JournalRecord.HeadLength < bytes.Length; at += 37)
            {
                var record = JournalRecord.Encode((JournalRecord.Kind)(bytes[at] % 8), writer => writer.Write(bytes.AsSpan(at, Math.Min(60, bytes.Length - at))));
                try
                {
                    state = JournalRecord.Apply(state, record, 0);
                }
                catch (InvalidDataException)
                {
                    // As it should.
                }
            }
        });
        Directory.Delete(folder, recursive: true);
    }

    private static void FuzzText(string valid, Action<string> parse) => Fuzz(Encoding.UTF8.GetBytes(valid), bytes => parse(Encoding.UTF8.GetString(bytes)));

    private static void Fuzz(byte[] valid, Action<byte[]> parse)
    {
        parse(valid);
        var random = new Random(20261127);
        var started = TimeProvider.System.GetTimestamp();
        for (var round = 0; round < 300 || TimeProvider.System.GetElapsedTime(started) < Long; round++)
        {
            var bytes = valid.ToList();
            for (var change = random.Next(1, 4); change > 0 && bytes.Count > 0; change--)
            {
                var at = random.Next(bytes.Count);
                switch (random.Next(4))
                {
                    case 0: bytes[at] = (byte)random.Next(256); break;
                    case 1: bytes.RemoveRange(at, random.Next(1, Math.Min(9, bytes.Count - at + 1))); break;
                    case 2: bytes.Insert(at, (byte)random.Next(32, 127)); break;
                    default: bytes.AddRange(bytes.GetRange(at, Math.Min(16, bytes.Count - at))); break;
                }
            }

            try
            {
                parse([.. bytes]);
            }
            catch (PermissionException)
            {
                // A clear error.
            }
        }
    }
}
