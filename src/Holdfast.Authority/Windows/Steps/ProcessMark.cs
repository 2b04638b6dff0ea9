using System.Diagnostics;
using System.Globalization;

namespace Holdfast.Authority.Windows.Steps;

/// <summary>Which process something was: a machine, a number, and when it began, since numbers come again.</summary>
internal static class ProcessMark
{
    /// <summary>Of the fields behind the name in /proc/PID/stat (proc(5)), the one that says when it began.</summary>
    private const int StartField = 19;

    public static string Of(Process process) => $"{Environment.MachineName} {process.Id} {StartOf(process.Id)}";

    /// <summary>Whether it still runs; a process of another machine does not.</summary>
    public static bool IsAlive(string mark) =>
        mark.Split(' ') is [var machine, var id, var start] && machine == Environment.MachineName && int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && StartOf(number) == start && start.Length > 0;

    private static string StartOf(int id)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{id}/stat");
            return stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[StartField];
        }
        catch (IOException)
        {
            return "";
        }
    }
}
