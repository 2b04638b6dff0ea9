using System.Security.Cryptography;
using System.Text;
using Holdfast.Crypto.Keys;
using Holdfast.Protocol.Messages;

namespace Holdfast.Client.Computers;

/// <summary>An enrolment that has begun: with the same code at the same service it is the same attempt, which the service answers again.</summary>
internal sealed record EnrolmentAttempt(byte[] Of, byte[] Attempt)
{
    /// <summary>The attempt that began with this code, or a new one, kept before it is used.</summary>
    public static byte[] LoadOrDraw(ComputerFolders folders, string serviceUrl, string code, RandomSource random)
    {
        // The code itself is not kept: it is worth something until it is used.
        var of = SHA256.HashData(Encoding.UTF8.GetBytes($"{serviceUrl}\n{code}"));
        if (PrivateFile.TryRead(PathIn(folders), LocalJson.Default.EnrolmentAttempt) is { } kept && kept.Of.AsSpan().SequenceEqual(of))
        {
            return kept.Attempt;
        }

        var attempt = random(BeginEnrolment.AttemptLength);
        PrivateFile.Write(PathIn(folders), new EnrolmentAttempt(of, attempt), LocalJson.Default.EnrolmentAttempt);
        return attempt;
    }

    public static void Drop(ComputerFolders folders) => File.Delete(PathIn(folders));

    private static string PathIn(ComputerFolders folders) => Path.Combine(folders.Config, "attempt.json");
}
