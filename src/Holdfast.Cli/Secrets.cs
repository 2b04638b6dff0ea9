using System.Diagnostics;
using Holdfast.Protocol.Failures;

namespace Holdfast.Cli;

/// <summary>Where a passphrase comes from: HOLDFAST_PASSPHRASE, …_FILE, …_COMMAND, or the terminal.</summary>
internal static class Secrets
{
    public static string Ask(string prompt, bool twice, string variable = "HOLDFAST_PASSPHRASE")
    {
        if (FromEnvironment(variable) is { } secret)
        {
            return secret;
        }

        if (Console.IsInputRedirected)
        {
            throw new HoldfastException(FailureTable.PassphraseNeeded, "A passphrase is needed, and there is no terminal to ask for it.");
        }

        while (true)
        {
            var first = Read(prompt);
            if (first.Length == 0)
            {
                Console.Error.WriteLine("An empty passphrase protects nothing.");
            }
            else if (!twice || Read("The same again: ") == first)
            {
                return first;
            }
            else
            {
                Console.Error.WriteLine("They differ. Once more.");
            }
        }
    }

    private static string? FromEnvironment(string variable)
    {
        if (Environment.GetEnvironmentVariable(variable) is { Length: > 0 } value)
        {
            return value;
        }

        if (Environment.GetEnvironmentVariable(variable + "_FILE") is { Length: > 0 } file)
        {
            return File.ReadAllText(file).TrimEnd('\r', '\n');
        }

        return Environment.GetEnvironmentVariable(variable + "_COMMAND") is { Length: > 0 } command ? Run(command) : null;
    }

    private static string Run(string command)
    {
        using var process = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", command]) { RedirectStandardOutput = true })!;
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0
            ? output.TrimEnd('\r', '\n')
            : throw new HoldfastException(FailureTable.PassphraseNeeded, $"The passphrase command ended with {process.ExitCode}.");
    }

    private static string Read(string prompt)
    {
        Console.Error.Write(prompt);
        var text = new System.Text.StringBuilder();
        while (true)
        {
            var key = Console.ReadKey(intercept: true);
            switch (key.Key)
            {
                case ConsoleKey.Enter:
                    Console.Error.WriteLine();
                    return text.ToString();
                case ConsoleKey.Backspace:
                    text.Length = Math.Max(0, text.Length - 1);
                    break;
                default:
                    if (!char.IsControl(key.KeyChar))
                    {
                        text.Append(key.KeyChar);
                    }

                    break;
            }
        }
    }
}
